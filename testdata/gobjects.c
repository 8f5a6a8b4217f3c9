/*
 * Objects of GLib: of a type with private data, of one that derives from it, of GObject itself, and
 * parameters.
 *
 * usage: gobjects [abort|pause]
 *
 * Prints "TYPE COUNT NAME" for each; then "end". GLib before 2.76 needs G_SLICE=always-malloc to
 * have them in chunks.
 */
#include <glib-object.h>

#include "manifest.h"

typedef struct {
	GObject parent;
	long id;
} Shelf;

typedef struct {
	GObjectClass parent;
} ShelfClass;

typedef struct {
	double width, height;
	long slots[7];
} ShelfPrivate;

static GType shelf_get_type(void);
G_DEFINE_TYPE_WITH_PRIVATE(Shelf, shelf, G_TYPE_OBJECT)

static void shelf_init(Shelf *shelf)
{
	ShelfPrivate *own = shelf_get_instance_private(shelf);

	own->width = 1;
}

static void shelf_class_init(ShelfClass *methods)
{
	(void)methods;
}

typedef struct {
	Shelf parent;
	char label[90];
} Rack;

typedef struct {
	ShelfClass parent;
} RackClass;

static GType rack_get_type(void);
G_DEFINE_TYPE(Rack, rack, shelf_get_type())

static void rack_init(Rack *rack)
{
	rack->label[0] = 'r';
}

static void rack_class_init(RackClass *methods)
{
	(void)methods;
}

/* Looks like an instance, but its class is none. */
struct decoy {
	gpointer *methods;
	long rest[8];
};

static gpointer all[4096];
static size_t num_all;

static void make(GType type, int num)
{
	for (int i = 0; i < num; i++)
		all[num_all++] = g_object_new(type, NULL);
	say("TYPE %d %s", num, g_type_name(type));
}

static void make_decoys(void)
{
	static gpointer methods[4];

	methods[0] = GSIZE_TO_POINTER(shelf_get_type());
	for (int i = 0; i < 40; i++) {
		struct decoy *decoy = g_new0(struct decoy, 1);
		decoy->methods = methods;
		all[num_all++] = decoy;
	}
}

int main(int argc, char **argv)
{
	make(shelf_get_type(), 300);
	make(rack_get_type(), 70);
	make(G_TYPE_OBJECT, 25);
	make_decoys();
	for (int i = 0; i < 12; i++)
		all[num_all++] = g_param_spec_int64("age", NULL, NULL, 0, 9, 1, G_PARAM_READWRITE);
	say("TYPE 12 GParamInt64");
	stop_here(argc > 1 ? argv[1] : "pause");
}
