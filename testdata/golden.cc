/*
 * The small process of which testdata/golden/ holds a core and the expected output.
 *
 * usage: golden abort
 *
 * Its heap: 40 lost orders of 200 bytes, each with an HTTP request and a key below it; a reachable list of 12
 * JSON documents; SQL, markup, form data, a Redis command, UTF-8, zeros, numbers; one lost mmapped chunk of
 * zeros; chunks in tcache, fastbins, unsorted, small and large bins; a second thread with three chunks in its
 * own arena.
 */
#include <pthread.h>

#include "manifest.h"

struct order {
	char *request, *key;
	unsigned long id;
	char room[176];
};

struct document {
	struct document *next;
	char text[100];
};

static struct document *volatile documents;
static void *volatile kept[64];
static unsigned num_kept;
static pthread_barrier_t done;

static char *text(size_t size, const char *format, ...)
{
	char *p = (char *)calloc(1, size);
	va_list args;

	va_start(args, format);
	vsnprintf(p, size, format, args);
	va_end(args);
	return p;
}

static void keep(void *p)
{
	kept[num_kept++] = p;
}

__attribute__((noinline)) static void lose_orders(void)
{
	for (unsigned long i = 0; i < 40; i++) {
		struct order *o = (struct order *)calloc(1, sizeof(*o));
		o->id = i;
		o->request = text(300, "POST /order/%lu HTTP/1.1\r\nHost: shop.example\r\n"
				       "Content-Type: application/x-www-form-urlencoded\r\n\r\n"
				       "channelid=%s&item=%lu", 9000 + i, i % 20 ? "4099" : "7", i * 31);
		o->key = text(48, "order:%lu:pending", i);
	}
}

static void keep_contents(void)
{
	for (unsigned i = 0; i < 12; i++) {
		struct document *d = (struct document *)calloc(1, sizeof(*d));
		snprintf(d->text, sizeof(d->text), "{\"id\":%u,\"state\":\"open\"}", i);
		d->next = documents;
		documents = d;
		keep(text(150, "{\"session\":%u,\"items\":[%u,%u],\"paid\":false}", i, i, i * i));
	}
	keep(text(120, "SELECT id, total FROM orders WHERE state = 'open' AND total > 100"));
	keep(text(120, "<html><head><title>Order</title></head><body>thanks</body></html>"));
	keep(text(120, "name=anna&city=k%%C3%%B6ln&zip=50667&channelid=7"));
	keep(text(120, "*3\r\n$3\r\nSET\r\n$8\r\norder:77\r\n$4\r\ndone\r\n"));
	keep(text(120, "Gr\303\274\303\237e aus K\303\266ln, und viele mehr davon"));
	keep(calloc(1, 1000));
	int *numbers = (int *)malloc(400);
	for (unsigned i = 0; i < 100; i++)
		numbers[i] = i % 9;
	keep(numbers);
}

__attribute__((noinline)) static void lose_large(void)
{
	void *volatile p = calloc(1, 200000);
	p = NULL;
}

static void fill_lists(void)
{
	static void *p[120];

	for (unsigned i = 0; i < 120; i++)
		p[i] = memset(malloc(40 + i % 4 * 100 + i / 100 * 1500), 'f', 40);
	for (unsigned i = 0; i < 120; i += 2) {
		free(p[i]);
		p[i] = NULL;
	}
	void *volatile sorter = malloc(5000);
	free(p[101]);
	free(p[105]);
	p[101] = p[105] = NULL;
	keep(sorter);
}

/* As scrub() does, but of few pages: they are counted. */
__attribute__((noinline)) static void scrub_little(void)
{
	volatile char stack[16384];

	for (unsigned i = 0; i < sizeof(stack); i++)
		stack[i] = 0;
}

static void *worker(void *arg)
{
	for (unsigned i = 0; i < 3; i++)
		keep(text(64, "worker result %u of 3, all is well", i));
	pthread_barrier_wait(&done);
	for (;;)
		pause();
	return arg;
}

int main(int argc, char **argv)
{
	pthread_attr_t attr;
	pthread_t thread;

	lose_orders();
	keep_contents();
	lose_large();
	fill_lists();
	scrub_little();
	pthread_barrier_init(&done, NULL, 2);
	pthread_attr_init(&attr);
	pthread_attr_setstacksize(&attr, 65536);
	pthread_create(&thread, &attr, worker, NULL);
	pthread_barrier_wait(&done);
	usleep(20000);
	stop_here(argc > 1 ? argv[1] : "pause");
}
