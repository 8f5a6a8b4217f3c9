/**
 * @file
 * Which glibc release it is, for people: no decision depends on it, since stable branches and
 * distributions have changed layouts within one version.
 */
#include "core/base/cleanup.h"
#include "core/allocators/glibc/glibc.h"

static char *copy_version(const uint8_t *text, size_t size)
{
	size_t length = 0;
	while (length < size && length < 16 &&
	       ((text[length] >= '0' && text[length] <= '9') || text[length] == '.'))
		length++;
	while (length && text[length - 1] == '.')
		length--;
	return length ? strndup((const char *)text, length) : NULL;
}

/** "GNU C Library (…) stable release version 2.36." */
static char *from_banner(struct hc_bytes view)
{
	static const char banner[] = "GNU C Library", release[] = "release version ";
	const uint8_t *at =
		view.data ? memmem(view.data, view.size, banner, sizeof(banner) - 1) : NULL;
	if (!at)
		return NULL;
	size_t left = view.size - (at - view.data);
	const uint8_t *version = memmem(at, left < 200 ? left : 200, release, sizeof(release) - 1);
	if (!version)
		return NULL;
	version += sizeof(release) - 1;
	return copy_version(version, view.data + view.size - version);
}

/** Highest "GLIBC_2.NN" among the strings of libc's own version definitions. */
static void highest_symbol_version(struct hc_bytes view, unsigned *minor)
{
	static const char prefix[] = "GLIBC_2.";
	const uint8_t *at = view.data, *end = view.data + view.size;
	while ((at = memmem(at, end - at, prefix, sizeof(prefix) - 1))) {
		at += sizeof(prefix) - 1;
		unsigned n = 0;
		for (unsigned i = 0; i < 3 && at < end && *at >= '0' && *at <= '9'; i++, at++)
			n = n * 10 + (*at - '0');
		*minor = n > *minor ? n : *minor;
	}
}

/** "libc-2.31.so", as file names were until 2.33. */
static char *from_path(const char *path)
{
	const char *name = strrchr(path, '/');
	name = name ? name + 1 : path;
	if (strncmp(name, "libc-", 5) != 0)
		return NULL;
	return copy_version((const uint8_t *)name + 5, strlen(name + 5));
}

/** Look at libc's pages, of the core or of the file that stands in for it. */
static struct hc_error *find_version(const struct glibc *g, const struct hc_module *libc,
				     char **version_ret, char **source_ret)
{
	hc_cleanup_free char *version = from_path(libc->path);
	const char *source = "the name of the C library's file";
	unsigned minor = 0;
	for (uint64_t at = libc->start; at < libc->end && !version;) {
		struct hc_bytes view = hc_memory_view(g->memory, at, libc->end - at);
		if (!view.size) {
			const struct hc_extent *next = hc_memory_find_next(g->memory, at);
			if (!next || next->start >= libc->end)
				break;
			at = next->start;
			continue;
		}
		version = from_banner(view);
		source = "the banner in the C library";
		highest_symbol_version(view, &minor);
		at += view.size;
	}
	if (!version && minor) {
		source = "the highest symbol version of the C library";
		if (asprintf(&version, "2.%u", minor) < 0)
			return &hc_enomem;
	}
	if (!version)
		return NULL;
	if (!(*source_ret = strdup(source)))
		return &hc_enomem;
	*version_ret = hc_steal(version);
	return NULL;
}

/** How much speaks for the choice of layouts. */
static unsigned confidence(const struct glibc *g)
{
	unsigned percent = g->state == &g->inferred ? 30 : 50;
	percent += g->ring_closed ? 20 : 0;
	percent += g->par.layout ? 15 : 0;
	percent += g->heap->inconsistencies_total == 0 ? 15 : 0;
	return percent;
}

/** Where an inferred layout has what; empty for one of the table. */
static struct hc_error *describe_inferred(const struct glibc *g, char **ret)
{
	int length = g->state == &g->inferred
			     ? asprintf(ret,
					"; malloc_state fits no known release: bins at %u, "
					"system_mem at %u",
					g->state->bins, glibc_system_offset(g->state))
			     : asprintf(ret, "%s", "");
	if (length >= 0)
		return NULL;
	*ret = NULL;
	return &hc_enomem;
}

struct hc_error *glibc_describe(struct glibc *g)
{
	struct hc_heap_evidence *evidence = &g->backend->evidence;
	hc_cleanup_free char *inferred = NULL;
	struct hc_error *err = describe_inferred(g, &inferred);
	if (err)
		return err;
	if (asprintf(&evidence->layout, "glibc %s (malloc_state), %s (malloc_par), tcache %s",
		     g->state->releases, g->par.layout ? g->par.layout->releases : "not found",
		     g->tcache ? g->tcache->releases : "none") < 0) {
		evidence->layout = NULL;
		return &hc_enomem;
	}
	if (asprintf(&evidence->how,
		     "ring of %zu arena%s %s; mp_ %s; links %s; threads' arenas by %s%s",
		     g->num_arenas, g->num_arenas == 1 ? "" : "s",
		     g->ring_closed ? "closed" : "not closed (memory is missing)",
		     g->par.layout ? "found" : "not found",
		     !g->links_seen ? "not seen"
		     : g->mangled   ? "mangled (safe-linking)"
				    : "plain",
		     g->threads_exact ? "libc's relocations" : "votes", inferred) < 0) {
		evidence->how = NULL;
		return &hc_enomem;
	}
	evidence->confidence = confidence(g);
	const struct hc_module *libc = hc_modules_libc(&g->process->modules);
	return libc ? find_version(g, libc, &evidence->version, &evidence->version_source) : NULL;
}
