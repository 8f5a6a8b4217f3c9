/**
 * @file
 * Which glibc release it is, for people: no decision depends on it, since stable branches and
 * distributions have changed layouts within one version.
 */
#include "core/base/cleanup.h"
#include "core/allocators/glibc/glibc.h"
#include "core/base/format.h"

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
static char *from_path(const char *path, const char *prefix)
{
	const char *name = hc_base_name(path);
	size_t length = strlen(prefix);
	if (strncmp(name, prefix, length) != 0)
		return NULL;
	return copy_version((const uint8_t *)name + length - 2, strlen(name + length - 2));
}

/** "ld-2.31.so", where the C library itself is not known. */
static char *from_loader(const struct hc_modules *modules)
{
	char *version = NULL;
	for (size_t i = 0; i < modules->num && !version; i++)
		version = from_path(modules->items[i].path, "ld-2.");
	return version;
}

const struct hc_module *glibc_home(const struct hc_process *process)
{
	const struct hc_modules *modules = &process->modules;
	const struct hc_module *libc = hc_modules_libc(modules), *program = NULL;

	for (size_t i = 0; i < modules->num && !libc; i++) {
		const struct hc_module *module = &modules->items[i];
		if (module->executable)
			program = module;
		else if (module->path[0] == '/')
			return NULL; /* libraries, but no C library: who knows */
	}
	return libc ? libc : program;
}

/** Look at libc's pages, of the core or of the file that stands in for it. */
static char *from_pages(const struct hc_memory *memory, const struct hc_module *home,
			unsigned *minor)
{
	char *version = NULL;
	for (uint64_t at = home->start; at < home->end && !version;) {
		struct hc_bytes view = hc_memory_view(memory, at, home->end - at);
		if (!view.size) {
			const struct hc_extent *next = hc_memory_find_next(memory, at);
			if (!next || next->start >= home->end)
				break;
			at = next->start;
			continue;
		}
		version = from_banner(view);
		highest_symbol_version(view, minor);
		at += view.size;
	}
	return version;
}

struct hc_error *glibc_find_version(const struct hc_process *process, char **version_ret,
				    char **source_ret)
{
	const struct hc_module *libc = hc_modules_libc(&process->modules);
	const struct hc_module *home = glibc_home(process);
	hc_cleanup_free char *version =
		libc ? from_path(libc->path, "libc-2.") : from_loader(&process->modules);
	const char *source =
		libc ? "the name of the C library's file" : "the name of the dynamic linker's file";
	unsigned minor = 0;
	if (!version && home) {
		version = from_pages(&process->memory, home, &minor);
		source = libc ? "the banner in the C library" : "the banner in the program";
	}
	/* A program names the releases that it needs, not the one that it has. */
	if (!version && minor && libc) {
		source = "the highest symbol version of the C library";
		if (!(version = hc_format("2.%u", minor)))
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
	*ret = g->state == &g->inferred
		       ? hc_format("; malloc_state fits no known release: bins at %u, "
				   "system_mem at %u",
				   g->state->bins, glibc_system_offset(g->state))
		       : strdup("");
	return *ret ? NULL : &hc_enomem;
}

struct hc_error *glibc_describe(struct glibc *g)
{
	struct hc_heap_evidence *evidence = &g->backend->evidence;
	hc_cleanup_free char *inferred = NULL;
	struct hc_error *err = describe_inferred(g, &inferred);
	if (err)
		return err;
	evidence->layout =
		hc_format("glibc %s (malloc_state), %s (malloc_par), tcache %s", g->state->releases,
			  g->par.layout ? g->par.layout->releases : "not found",
			  g->tcache ? g->tcache->releases : "none");
	evidence->how =
		hc_format("ring of %zu arena%s %s; mp_ %s; links %s; threads' arenas by %s%s",
			  g->num_arenas, g->num_arenas == 1 ? "" : "s",
			  g->ring_closed ? "closed" : "not closed (memory is missing)",
			  g->par.layout ? "found" : "not found",
			  !g->links_seen ? "not seen"
			  : g->mangled   ? "mangled (safe-linking)"
					 : "plain",
			  g->threads_exact ? "libc's relocations" : "votes", inferred);
	if (!evidence->layout || !evidence->how)
		return &hc_enomem;
	evidence->confidence = confidence(g);
	return glibc_find_version(g->process, &evidence->version, &evidence->version_source);
}
