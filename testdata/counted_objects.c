/*
 * Objects of two GLib types in a table and a queue that variables hold, some of them gone again,
 * and how many of each the program counts.
 *
 * usage: counted_objects [abort|pause]
 *
 * Prints "NAME COUNT" for each type; then "end". GLib before 2.76 needs G_SLICE=always-malloc to
 * have them in chunks.
 */
#include <glib-object.h>

#include "manifest.h"

enum { BOOKS = 1500, VISITORS = 700 };

typedef struct {
	GObject parent;
	long isbn;
	char title[40];
} Book;

typedef struct {
	GObjectClass parent;
} BookClass;

typedef struct {
	GObject parent;
	Book *reads;
} Visitor;

typedef struct {
	GObjectClass parent;
} VisitorClass;

GHashTable *library;
GQueue *visitors;
static int num_books, num_visitors;

static GType book_get_type(void);
static GType visitor_get_type(void);
G_DEFINE_TYPE(Book, book, G_TYPE_OBJECT)
G_DEFINE_TYPE(Visitor, visitor, G_TYPE_OBJECT)

static void book_init(Book *book)
{
	(void)book;
	num_books++;
}

static void book_finalize(GObject *object)
{
	num_books--;
	G_OBJECT_CLASS(book_parent_class)->finalize(object);
}

static void book_class_init(BookClass *methods)
{
	G_OBJECT_CLASS(methods)->finalize = book_finalize;
}

static void visitor_init(Visitor *visitor)
{
	(void)visitor;
	num_visitors++;
}

static void visitor_finalize(GObject *object)
{
	num_visitors--;
	G_OBJECT_CLASS(visitor_parent_class)->finalize(object);
}

static void visitor_class_init(VisitorClass *methods)
{
	G_OBJECT_CLASS(methods)->finalize = visitor_finalize;
}

/* A function of its own: no variable of main points to what it made. */
static __attribute__((noinline)) void fill(void)
{
	library = g_hash_table_new_full(NULL, NULL, NULL, g_object_unref);
	visitors = g_queue_new();
	for (long i = 0; i < BOOKS; i++) {
		Book *book = g_object_new(book_get_type(), NULL);

		book->isbn = i + 1;
		g_hash_table_insert(library, GSIZE_TO_POINTER(book->isbn), book);
	}
	for (long i = 0; i < VISITORS; i++)
		g_queue_push_tail(visitors, g_object_new(visitor_get_type(), NULL));
	for (long i = 0; i < BOOKS; i += 5)
		g_hash_table_remove(library, GSIZE_TO_POINTER(i + 1));
	for (int i = 0; i < VISITORS / 7; i++)
		g_object_unref(g_queue_pop_head(visitors));
}

int main(int argc, char **argv)
{
	fill();
	say("Book %d", num_books);
	say("Visitor %d", num_visitors);
	say("table %u", g_hash_table_size(library));
	say("queue %u", g_queue_get_length(visitors));
	scrub();
	stop_here(argc > 1 ? argv[1] : "pause");
}
