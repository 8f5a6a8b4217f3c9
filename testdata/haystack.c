/*
 * Chunks and stacks with texts to be searched for, each at a known number of places.
 *
 * usage: haystack [abort|pause]
 *
 * Every text is put together at run time, so that it is in no other place of the process. Prints
 * where some of them are, "end".
 */
#include <malloc.h>
#include <stdint.h>

#include "manifest.h"

enum { TOKENS = 300, LOST = 7, JSON = 12, RUN = 100000, LARGE = 9 << 20 };

static void *volatile kept[1024];
static unsigned num_kept;

/* Text in capitals with one added to each character of @p shifted: the text itself is not in the
 * program. */
static char *text(char *to, const char *shifted)
{
	char *p = to;

	while (*shifted)
		*p++ = *shifted++ - 1;
	*p = '\0';
	return to;
}

static char *keep(size_t size)
{
	char *p = memset(malloc(size), 0, size);

	kept[num_kept++] = p;
	return p;
}

/* Two neighbours; the text would be there if the header between them was not. */
static void make_border(void)
{
	char half[8], *a, *b;

	do {
		a = keep(40);
		b = keep(40);
	} while (b != a + 48);
	memcpy(a + 40 - 4, text(half, "IFBE"), 4); /* HEAD */
	memcpy(b, text(half, "UBJM"), 4);          /* TAIL */
	say("border %p %p", (void *)a, (void *)b);
}

static void make_wide(void)
{
	static const uint16_t shifted[] = {'H', 's', 0xfc + 1, 0xdf + 1,   'f',
					   '.', '5', '3',      0xd83d + 1, 0xde00 + 1};
	char *p = keep(100);

	for (unsigned i = 0; i < sizeof(shifted) / sizeof(*shifted); i++) {
		uint16_t unit = shifted[i] - 1; /* Grüße-42😀 */
		memcpy(p + 16 + 2 * i, &unit, 2);
	}
	say("wide %p", (void *)(p + 16));
}

/* Far below what stop_here() needs. */
__attribute__((noinline)) static void die_on_stack(void)
{
	volatile char deep[200000];
	char word[32];

	text(word, "EFBE.XPSE"); /* DEAD-WORD */
	for (unsigned i = 0; i < 10; i++)
		deep[i] = word[i];
	memset(word, 0, sizeof(word));
	__asm__ volatile("" ::"r"(word), "r"(deep) : "memory");
}

static void make_large(void)
{
	char word[16], *p = keep(LARGE);
	unsigned n = 0;

	text(word, "CJHXPSE"); /* BIGWORD */
	/* One across each border of a MiB, and more elsewhere. */
	for (unsigned i = 1 << 20; i < LARGE - 100; i += 1 << 18)
		n += snprintf(p + i - 5, 32, "%s%07u", word, i) > 0;
	say("large %p %u", (void *)p, n);
}

int main(int argc, char **argv)
{
	char word[32], stack_word[32];

	for (unsigned i = 0; i < TOKENS; i++)
		snprintf(keep(i % 3 ? 40 : 200), 40, "%s=%u", text(word, "UPLFO"),
			 i % 50); /* TOKEN */
	for (unsigned i = 0; i < LOST; i++)
		snprintf(memset(malloc(72), 0, 72), 40, "%s=%u", text(word, "UPLFO"), i);
	for (unsigned i = 0; i < JSON; i++)
		snprintf(keep(120), 120, "{\"name\": \"%s\", \"id\": %u, \"tags\": [1, 2, 3]}",
			 text(word, "ETPOWBM"), i); /* DSONVAL */
	memcpy(keep(64) + 21, "\x8f\x01\x42\xfe\x1d\xc3", 6);
	make_border();
	make_wide();
	char *run = keep(RUN + 10000);
	memset(run, 'q', RUN);
	run[RUN] = '!';
	memcpy(run + RUN + 9000, text(word, "CFIJOE"), 6); /* BEHIND */
	memset(keep(64), 'q', 5);
	snprintf(keep(40), 40, "%s", text(word, "DBUBMPH")); /* CATALOG */
	snprintf(keep(40), 40, "a %s b", text(word, "DBU")); /* CAT */
	char *freed = keep(3000);
	keep(40);
	snprintf(freed + 200, 40, "%s", text(word, "GSFF.XPSE")); /* FREE-WORD */
	kept[num_kept - 2] = NULL;
	free(freed);
	make_large();
	die_on_stack();
	text(stack_word, "MJWF.XPSE"); /* LIVE-WORD */
	memset(word, 0, sizeof(word));
	__asm__ volatile("" ::"r"(stack_word), "r"(word) : "memory");
	say("stack %p", (void *)stack_word);
	stop_here(argc > 1 ? argv[1] : "pause");
	__asm__ volatile("" ::"r"(stack_word) : "memory");
}
