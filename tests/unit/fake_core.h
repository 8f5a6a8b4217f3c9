/**
 * @file
 * Cores made by hand, for unit tests: segments, threads, files and auxv of the test's choice in a
 * file as the kernel lays it out (x86-64 by default, i386 with @ref fake_core::elf32).
 *
 *     struct fake_core fake = {};
 *     fake_core_segment(&fake, 0x10000, 0x1000, PF_R | PF_W, bytes, sizeof(bytes));
 *     fake_core_thread(&fake, 1, 0x401000, 0x10800, 0);
 *     char *path = fake_core_write(&fake);
 *     …
 *     fake_core_remove(path);
 *     fake_core_deinit(&fake);
 *
 * Everything asserts on failure: this is test code.
 */
#ifndef HC_TESTS_FAKE_CORE_H
#define HC_TESTS_FAKE_CORE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/** A growing run of bytes. */
struct fake_bytes {
	uint8_t *data;
	size_t size, room;
};

void fake_bytes_add(struct fake_bytes *bytes, const void *data, size_t size);
/** A little-endian value of @p size (1, 2, 4 or 8) bytes. */
void fake_bytes_value(struct fake_bytes *bytes, uint64_t value, size_t size);
void fake_bytes_deinit(struct fake_bytes *bytes);

struct fake_segment {
	uint64_t start, mem_size;
	uint32_t flags;
	struct fake_bytes bytes; /**< p_filesz of them */
};

struct fake_core {
	bool elf32;       /**< i386 */
	bool xnum;        /**< count the program headers in section 0 */
	bool no_prpsinfo; /**< leave NT_PRPSINFO out */
	bool gcore;       /**< NT_PRPSINFO before the threads, as gdb does */
	int32_t pid;
	struct fake_segment *segments; /**< in the order of the program headers */
	size_t num_segments;
	struct fake_bytes threads; /**< finished NT_PRSTATUS notes */
	struct fake_bytes extra;   /**< finished notes of any kind, by fake_core_note() */
	struct fake_bytes files;   /**< entries of NT_FILE */
	struct fake_bytes names;
	size_t num_files;
	struct fake_bytes auxv;
};

/** Bytes beyond @p file_size count as not dumped. Copies. */
void fake_core_segment(struct fake_core *fake, uint64_t start, uint64_t mem_size, uint32_t flags,
		       const void *bytes, size_t file_size);

/** @param tp fs_base; on i386 it becomes an NT_386_TLS note */
void fake_core_thread(struct fake_core *fake, int32_t lwp, uint64_t pc, uint64_t sp, uint64_t tp);

/** @param offset bytes into the file, a multiple of 4096 */
void fake_core_file(struct fake_core *fake, uint64_t start, uint64_t end, uint64_t offset,
		    const char *path);

void fake_core_auxv(struct fake_core *fake, uint64_t type, uint64_t value);

void fake_core_note(struct fake_core *fake, const char *name, uint32_t type, const void *desc,
		    size_t size);

/** The whole file. To be freed with fake_bytes_deinit(). */
struct fake_bytes fake_core_bytes(const struct fake_core *fake);

/** Write it to a new temporary file. @return its name, for fake_core_remove() */
char *fake_core_write(const struct fake_core *fake);
/** The same for any bytes. */
char *fake_file_write(const void *data, size_t size);
/** Remove the file and free its name. */
void fake_core_remove(char *path);

void fake_core_deinit(struct fake_core *fake);

#endif
