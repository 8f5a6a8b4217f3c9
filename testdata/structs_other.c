/* What structs.c only declares. */
#include <stdlib.h>

struct opaque_part {
	long values[5];
};

struct opaque {
	struct opaque_part *first, *second;
	long rest[20];
};

struct opaque *make_opaque(void);

struct opaque *make_opaque(void)
{
	struct opaque *opaque = calloc(1, sizeof(*opaque));

	opaque->first = calloc(1, sizeof(*opaque->first));
	opaque->second = calloc(1, sizeof(*opaque->second));
	return opaque;
}
