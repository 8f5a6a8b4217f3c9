/*
 * Markup: text that must stay text wherever a report shows it.
 *
 * usage: markup pause [ANYTHING]
 *
 * Holds 300 chunks and loses 200 with markup of HTML and Markdown in them, also where signatures find values.
 */
#include "manifest.h"

static const char *const texts[] = {
	"<script>alert(1)</script> %u",
	"</code></td></table><img src=x onerror=alert(%u)>",
	"|``` **bold** [link](javascript:alert(%u)) ![image](http://a.example/)",
	"GET /<b>%u</b>?a=`|` HTTP/1.1\r\nHost: [x](y)|@everyone\r\n\r\n",
};

enum { HELD = 300, LOST = 200, TEXTS = sizeof(texts) / sizeof(texts[0]) };

static char *held[HELD];

static char *make(unsigned i)
{
	char *text = malloc(400);

	memset(text, 0, 400);
	snprintf(text, 400, texts[i % TEXTS], i);
	return text;
}

int main(int argc, char **argv)
{
	for (unsigned i = 0; i < HELD; i++)
		held[i] = make(i);
	say("held %p", held[0]);
	for (unsigned i = 0; i < LOST; i++)
		make(i);
	stop_here(argc > 1 ? argv[1] : NULL);
}
