/*
 * Page: names and content that try to break out of a page, in each place that a report shows.
 *
 * usage: page pause [ANYTHING]
 *
 * Maps a file of the current folder whose name is markup, has a thread whose name is, holds 300 chunks and loses 200 of such text, directions that
 * turn around, ends of elements and of attributes, bytes that are no UTF-8.
 */
#include <fcntl.h>
#include <pthread.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <unistd.h>

#include "manifest.h"

static const char *const texts[] = {
	"<script>document.title='broken out %u'</script>",
	"</style></script></title></textarea><img src=x onerror=document.title='broken out %u'>",
	"\" onload=\"document.title='broken out %u'\" autofocus onfocus='x' x=\"",
	"\xe2\x80\xae evil %u \xe2\x81\xa6 \xd8\x9c\xe2\x80\x8f <b>&lt;&amp;&#60;</b>",
	"no UTF-8 %u: \xff\xfe\xc0\xbc\x80 \xed\xa0\x80 \xf4\x90\x80\x80<svg/onload=1>",
	"POST /<b>%u</b>?a=\"><script>1</script> HTTP/1.1\r\nHost: </table><iframe>\r\nContent-Length: 0\r\n\r\n",
	"]]><!--%u--><![CDATA[ {{constructor}} ${1} javascript:alert(1)",
};

enum { HELD = 300, LOST = 200, TEXTS = sizeof(texts) / sizeof(texts[0]), MAPPED = 1 << 20 };

static char *held[HELD];
static int ready[2];

static char *make(unsigned i)
{
	char *text = malloc(400);

	memset(text, 0, 400);
	snprintf(text, 400, texts[i % TEXTS], i);
	return text;
}

static void *wait_named(void *arg)
{
	(void)arg;
	prctl(PR_SET_NAME, "<b x=\"'>\xff&\xe2\x80\xae");
	if (write(ready[1], "", 1) != 1)
		return NULL;
	for (;;)
		pause();
}

int main(int argc, char **argv)
{
	int fd = open("<script>\"'onload=&\xe2\x80\xae\xff<b>", O_RDWR | O_CREAT, 0600);
	pthread_t thread;
	char byte;

	if (fd < 0 || ftruncate(fd, MAPPED) || pipe(ready))
		return 1;
	char *mapped = mmap(NULL, MAPPED, PROT_READ | PROT_WRITE, MAP_PRIVATE, fd, 0);
	if (mapped == MAP_FAILED)
		return 1;
	memset(mapped, 'x', MAPPED);
	if (pthread_create(&thread, NULL, wait_named, NULL) || read(ready[0], &byte, 1) != 1)
		return 1;
	for (unsigned i = 0; i < HELD; i++)
		held[i] = make(i);
	say("held %p", held[0]);
	for (unsigned i = 0; i < LOST; i++)
		make(i);
	prctl(PR_SET_NAME, "</h1><i>\"page");
	stop_here(argc > 1 ? argv[1] : NULL);
}
