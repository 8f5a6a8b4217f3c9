/**
 * @file
 * Where libc keeps its TLS variables, exactly: from the relocations of its file.
 *
 * libc reaches its own `thread_arena` and `tcache` through GOT slots that the dynamic linker fills
 * with the offset from the thread pointer (R_X86_64_TPOFF64 and the like). The relocations, which
 * lie in libc's first read-only pages, name the slots; the slots, which are in the core, hold the
 * offsets. A kernel core lacks the relocations unless libc's file lends them.
 */
#include <elf.h>

#include "core/base/array.h"
#include "core/base/cleanup.h"
#include "core/allocators/glibc/glibc.h"

/** More than any libc has. */
#define MAX_DYNAMIC 256
#define MAX_RELOCATIONS 65536
/** An offset further from the thread pointer than this is none. Bytes. */
#define MAX_OFFSET (1 << 20)

/** One relocation table of libc. */
struct relocations {
	uint64_t address; /**< 0: there is none */
	uint64_t size;    /**< bytes */
	unsigned entry;   /**< bytes of one relocation */
};

/**
 * DT_RELA or DT_REL. The dynamic linker has turned their addresses into absolute ones, where it
 * could write.
 */
static struct relocations find_relocations(const struct glibc *g, const struct hc_module *libc)
{
	unsigned word = g->params.word_size;
	uint64_t dynamic = libc->dynamic, tag, value;
	struct relocations found = {0};
	for (unsigned i = 0; dynamic && i < MAX_DYNAMIC; i++, dynamic += 2 * word) {
		if (!glibc_word(g, dynamic, &tag) || !glibc_word(g, dynamic + word, &value) ||
		    tag == DT_NULL)
			break;
		if (tag == DT_RELA || tag == DT_REL) {
			found.address = value < libc->start ? value + libc->bias : value;
			found.entry = (tag == DT_RELA ? 3 : 2) * word;
		} else if (tag == DT_RELASZ || tag == DT_RELSZ) {
			found.size = value;
		}
	}
	return found;
}

struct hc_error *glibc_tls_offsets(const struct glibc *g, int64_t **ret, size_t *num_ret)
{
	const struct hc_module *libc = hc_modules_libc(&g->process->modules);
	unsigned word = g->params.word_size;
	hc_cleanup_free int64_t *offsets = NULL;
	size_t num = 0;
	struct relocations table = {0};
	if (libc)
		table = find_relocations(g, libc);
	for (unsigned i = 0; table.address && i < table.size / table.entry && i < MAX_RELOCATIONS;
	     i++) {
		uint64_t at = table.address + (uint64_t)i * table.entry, slot, info, value;
		if (!glibc_word(g, at, &slot) || !glibc_word(g, at + word, &info))
			break;
		if ((word == 8 ? info & UINT32_MAX : info & 0xff) !=
			    g->process->core->machine->tls_reloc ||
		    !glibc_word(g, slot + libc->bias, &value))
			continue;
		int64_t offset = word == 8 ? (int64_t)value : (int32_t)value;
		if (offset < -MAX_OFFSET || offset > MAX_OFFSET)
			continue;
		struct hc_error *err = hc_array_reserve(&offsets, num, sizeof(*offsets));
		if (err)
			return err;
		offsets[num++] = offset;
	}
	*ret = hc_steal(offsets);
	*num_ret = num;
	return NULL;
}
