/**
 * @file
 * libheapcore: the heap of a dead process, from its core dump.
 *
 *     struct heapcore *core;
 *     struct heapcore_error *err = heapcore_open("core.1234", NULL, &core);
 *
 * What the words mean (chunk, arena, reach, kind, finding) docs/design.md of heapcore tells, and
 * the manual of the program, whose answers are the same. docs/library.md has an example.
 *
 * **Errors.** A function that can fail returns NULL, or an error that the caller frees with
 * heapcore_error_free(). Results are the last parameters, and untouched on failure. The library
 * never prints, never ends the process, and changes neither locale nor environment.
 *
 * **Who owns what.** What a function gives a pointer to, names among it, belongs to the core and
 * lives until heapcore_close(), unless it says otherwise. What was computed once is kept: a second
 * call costs nothing.
 *
 * **Threads.** Any number of cores may be open, and used in any threads. Calls on one core take
 * turns: a call waits until the one before it has returned. A callback runs in the thread that made
 * the call and may make others on the same core. What a call gave may be read by many threads, also
 * during other calls. heapcore_cancel() may be called at any time, from a signal handler, too.
 * Marks (reach) are made before the first callback of a search.
 * heapcore_close() must be the last call on its core. A call works with as many threads as @ref
 * heapcore_options::jobs says, all of which are gone when it returns. After fork() the child may
 * use a core if no call on it was running.
 *
 * **A core that is cut short while it is used** (SIGBUS). A core is mapped. When somebody truncates
 * the file, or its disk fails, reading it raises SIGBUS. While cores are open the library handles
 * that signal. A fault in a core's mapping, or in a thread that is in a call of the library, puts
 * zeroes in place of what is gone and ends the call with @ref HEAPCORE_CHANGED, and so will every
 * later call on that core; close it. Every other SIGBUS is passed on to the handler that was there
 * before, which is put back when the last core is closed, if by then nobody has put another one
 * over it. A host that installs a handler later, or opens with @ref HEAPCORE_KEEP_SIGBUS, calls
 * heapcore_on_sigbus() in its own. What this can't do: the previous handler's SA_RESETHAND is not
 * heeded, and bytes are asked for twice in places, so that a file that another process writes to
 * while it is read may give answers that fit neither state of it.
 *
 * **Growing.** Structs that the caller fills in begin with their size, as in
 *
 *     struct heapcore_options options = {sizeof(options)};
 *
 * and what a newer library adds is zero for an older caller. Structs that the library gives
 * pointers to may become longer at their end. struct heapcore_chunk and struct heapcore_count never
 * change, since they come in arrays or in other structs. Enums may get new values.
 *
 * **What is in it.** Names of types and files, and all bytes, come from the core: hostile, maybe,
 * and maybe confidential. Nothing is masked here.
 */
#ifndef HEAPCORE_H
#define HEAPCORE_H

#include <stddef.h>
#include <stdint.h>

#ifdef __cplusplus
extern "C" {
#endif

/** One open core. */
struct heapcore;

/** "0.2.0": of the library that is used. */
const char *heapcore_version(void);

/** @name Errors */
/**@{*/

enum heapcore_code {
	HEAPCORE_OK,
	HEAPCORE_NO_MEMORY,
	HEAPCORE_OS,        /**< a system call failed; the message has why */
	HEAPCORE_FORMAT,    /**< the file is not what it should be, or not supported */
	HEAPCORE_MISSING,   /**< an address whose bytes the core does not hold */
	HEAPCORE_NO_HEAP,   /**< no heap that can be read; the message says why */
	HEAPCORE_ARGUMENT,  /**< what the caller asked for is malformed, or is not there */
	HEAPCORE_LIMIT,     /**< a stated bound was reached */
	HEAPCORE_CANCELLED, /**< by heapcore_cancel() */
	HEAPCORE_CHANGED    /**< the core was cut short, or its disk failed, while it was used */
};

struct heapcore_error;

/** @ref HEAPCORE_OK for NULL. */
enum heapcore_code heapcore_error_code(const struct heapcore_error *err);
/** One line; "" for NULL. Lives as long as the error. */
const char *heapcore_error_message(const struct heapcore_error *err);
/** Whether the error has a place in the process, and which. @param[out] ret may be NULL */
int heapcore_error_address(const struct heapcore_error *err, uint64_t *ret);
/** NULL is fine. */
void heapcore_error_free(struct heapcore_error *err);
/**@}*/

/** @name Opening */
/**@{*/

/** The host handles SIGBUS itself, and calls heapcore_on_sigbus(). */
#define HEAPCORE_KEEP_SIGBUS 1u

/** All members but the size may be zero. Strings are copied. */
struct heapcore_options {
	size_t struct_size;            /**< sizeof(struct heapcore_options) */
	uint32_t flags;                /**< HEAPCORE_KEEP_SIGBUS */
	uint32_t jobs;                 /**< threads to work with; 0: as many as processors */
	const char *executable;        /**< the program's file, when it is not where it was */
	const char *sysroot;           /**< folder under which executable and libraries lie */
	const char *debug_dir;         /**< folder of separate debug files */
	const char *tmpdir;            /**< where to unpack a compressed core; NULL: /var/tmp */
	const char *smaps;             /**< a copy of the process's /proc/PID/smaps */
	const char *const *signatures; /**< files with content classes, beside the built-in ones */
	size_t num_signatures;
};

/**
 * Open a core: of gcore or the kernel, plain or compressed, complete or cut short. This reads what
 * is needed to know mappings, modules and threads; the heap is read when it is first asked for.
 *
 * @param options NULL: the default ones
 */
struct heapcore_error *heapcore_open(const char *path, const struct heapcore_options *options,
				     struct heapcore **ret);

/** NULL is fine. No call may be running, and what the core gave is gone. */
void heapcore_close(struct heapcore *core);

/**
 * End the call that runs with @ref HEAPCORE_CANCELLED, unless it is nearly done; when none runs,
 * the next one.
 */
void heapcore_cancel(struct heapcore *core);

/**
 * For a SIGBUS handler of the host: whether the fault was the library's, and is mended, so that the
 * handler is to return. Safe in signal handlers. @param address siginfo_t::si_addr, where si_code
 * is BUS_ADRERR
 */
int heapcore_on_sigbus(void *address);
/**@}*/

/** @name What is known of the process */
/**@{*/

struct heapcore_info {
	const char *path;    /**< of the core, as given */
	const char *program; /**< name of the process, or of its file; "" when unknown */
	const char *machine; /**< "x86-64", "aarch64"… */
	int32_t pid;         /**< 0 when unknown */
	uint32_t word_size;  /**< bytes of a pointer */
	uint32_t big_endian; /**< whether words are */
	uint32_t num_threads;
};

const struct heapcore_info *heapcore_info(const struct heapcore *core);

/** Whether answers may lack something: the core is cut short or damaged, as far as is known yet. */
int heapcore_is_partial(struct heapcore *core);

/** What is wrong with the core, and what was done about it; from 0 on, NULL behind the last. */
const char *heapcore_remark(struct heapcore *core, size_t index);

/** Copy memory of the process. @return also @ref HEAPCORE_MISSING with the first such address */
struct heapcore_error *heapcore_read(struct heapcore *core, uint64_t address, void *buffer,
				     size_t size);

struct heapcore_heap {
	uint64_t num_chunks; /**< in any state */
	uint64_t bytes;      /**< of them */
	uint64_t num_arenas;
	const char *allocator; /**< "glibc 2.36", or as much of it as is known */
};

/** The heap; walks it when it is the first to ask. @return also @ref HEAPCORE_NO_HEAP */
struct heapcore_error *heapcore_heap(struct heapcore *core, const struct heapcore_heap **ret);
/**@}*/

/** @name Chunks */
/**@{*/

enum heapcore_state {
	HEAPCORE_IN_USE,
	HEAPCORE_CACHED,  /**< freed, and kept for the next request of its size */
	HEAPCORE_FREE,    /**< on another list */
	HEAPCORE_TOP,     /**< the rest of a stretch that was never handed out */
	HEAPCORE_OVERHEAD /**< the allocator's own */
};

enum heapcore_reach {
	HEAPCORE_DEFINITE,           /**< lost: nothing points to it */
	HEAPCORE_INDIRECT,           /**< lost: only lost chunks point to it */
	HEAPCORE_REACHABLE,          /**< pointers to starts lead to it from a root */
	HEAPCORE_POSSIBLE,           /**< every chain has a pointer into an interior */
	HEAPCORE_REACH_UNKNOWN = 255 /**< not asked for, or the chunk is not in use */
};

/** heapcore_chunk::arena of chunks that are mappings of their own. */
#define HEAPCORE_ARENA_MMAP UINT32_MAX

/** One chunk: 40 bytes on every machine. */
struct heapcore_chunk {
	uint64_t address; /**< what malloc returned */
	uint64_t size;    /**< with its header, bytes */
	uint64_t usable;  /**< malloc_usable_size(3), bytes */
	uint32_t arena;   /**< number; 0: the main one */
	uint32_t kind;    /**< heapcore_kind::number; 0: not asked for, or not in use */
	uint8_t state;    /**< enum heapcore_state */
	uint8_t reach;    /**< enum heapcore_reach */
	uint8_t list;     /**< of a cached or free one: heapcore_list_name(); else 255 */
	uint8_t reserved[5];
};

struct heapcore_count {
	uint64_t chunks;
	uint64_t bytes; /**< sizes of these chunks */
};

/** "in-use", "cached", "free", "top", "overhead"; NULL for other values. Static. */
const char *heapcore_state_name(unsigned state);
/** "definite", "indirect", "reachable", "possible"; NULL for other values. Static. */
const char *heapcore_reach_name(unsigned reach);
/** What the allocator calls the list that heapcore_chunk::list names, "tcache"; NULL: none. */
const char *heapcore_list_name(struct heapcore *core, unsigned list);

/** heapcore_select::arena counts. */
#define HEAPCORE_BY_ARENA 1u

/** Which chunks: those that pass every filter that is set. All zero: all that are in use. */
struct heapcore_select {
	size_t struct_size;        /**< sizeof(struct heapcore_select) */
	uint32_t flags;            /**< HEAPCORE_BY_ARENA */
	uint32_t arena;            /**< number, or HEAPCORE_ARENA_MMAP */
	uint32_t states;           /**< bits 1 << enum heapcore_state; 0: in use */
	uint32_t reaches;          /**< bits 1 << enum heapcore_reach; 0: any */
	uint64_t min_usable;       /**< bytes, inclusive */
	uint64_t max_usable;       /**< the same; 0: no bound */
	uint64_t request;          /**< that malloc(request) may have returned; 0: any */
	uint64_t start, end;       /**< addresses in [start, end); both 0: any */
	const char *content_class; /**< "json"; NULL: any */
	const char *type;          /**< "app::Session", with * and ? as in the shell; NULL: any */
	uint64_t finding;          /**< of the finding of this number, from 1; 0: any */
};

/** heapcore_batch::with */
#define HEAPCORE_WITH_REACH 1u /**< fill in heapcore_chunk::reach */
#define HEAPCORE_WITH_KIND 2u  /**< fill in heapcore_chunk::kind: looks at every chunk first */

/** An array of the caller's to be filled. */
struct heapcore_batch {
	size_t struct_size;            /**< sizeof(struct heapcore_batch) */
	struct heapcore_chunk *chunks; /**< array */
	size_t max;                    /**< it has room for so many, at least 1 */
	uint32_t with;                 /**< HEAPCORE_WITH_ bits */
	uint64_t next;                 /**< in: from this address on; out: where to go on */
	size_t num;                    /**< out: so many were found; fewer than max: no more */
};

/**
 * The chunks, by address, a batch at a time: call it again with what the last call left in @p batch
 * until heapcore_batch::num is less than heapcore_batch::max.
 *
 * @param select NULL: all that are in use
 */
struct heapcore_error *heapcore_chunks(struct heapcore *core, const struct heapcore_select *select,
				       struct heapcore_batch *batch);

/** How many they are. */
struct heapcore_error *heapcore_count(struct heapcore *core, const struct heapcore_select *select,
				      struct heapcore_count *ret);

/**
 * The chunk that an address is in, its header included; with its reach.
 *
 * @return also @ref HEAPCORE_ARGUMENT when it is in none
 */
struct heapcore_error *heapcore_find(struct heapcore *core, uint64_t address,
				     struct heapcore_chunk *ret);
/**@}*/

/** @name What a chunk is */
/**@{*/

struct heapcore_content {
	size_t struct_size;        /**< sizeof(struct heapcore_content), for the caller to set */
	const char *content_class; /**< "http-request"; "other" when none accepts it */
	const char *title;         /**< "HTTP request" */
	uint32_t textual;          /**< whether its sample is text */
	uint64_t address;          /**< where the part of its bytes is that stands for it */
	uint64_t size;             /**< bytes of that */
	const char *type;          /**< "app::Session"; NULL: it has none */
};

/**
 * Content class and type of the chunk that an address is in.
 *
 * @return also @ref HEAPCORE_ARGUMENT when it is in none
 */
struct heapcore_error *heapcore_classify(struct heapcore *core, uint64_t address,
					 struct heapcore_content *ret);

struct heapcore_referrer {
	const char *from;            /**< "chunk", or the kind of root: "stack", "data"… */
	const char *detail;          /**< register, or how the C library holds it; or NULL */
	uint64_t address;            /**< where the pointer is; 0 for a register */
	uint64_t value;              /**< the pointer */
	uint32_t interior;           /**< it is not to the start, and does not count as that */
	uint32_t stale;              /**< left over: the program does not use it any more */
	int32_t thread;              /**< of a register or stack; 0: none */
	struct heapcore_chunk chunk; /**< that has the pointer; size 0: none */
};

struct heapcore_referrers {
	uint64_t total; /**< that there are */
	size_t num;     /**< that are in here */
};

/**
 * What points into the chunk that an address is in, or to the address alone. One pass over
 * everything that may hold a pointer.
 *
 * @param max       referrers that are kept, live before stale, exact before interior
 * @param[out] ret  to be freed with heapcore_referrers_free() before the core is closed
 */
struct heapcore_error *heapcore_referrers(struct heapcore *core, uint64_t address, size_t max,
					  const struct heapcore_referrers **ret);
/** From 0 on; NULL behind the last. */
const struct heapcore_referrer *heapcore_referrer(const struct heapcore_referrers *referrers,
						  size_t index);
/** NULL is fine. */
void heapcore_referrers_free(const struct heapcore_referrers *referrers);
/**@}*/

/** @name Leaks, kinds, findings */
/**@{*/

/** Lost chunks that look alike, with all that hangs below them. */
struct heapcore_leak_group {
	size_t number;                       /**< from 1 */
	uint64_t size;                       /**< of the root objects' chunks, bytes */
	const char *content_class;           /**< of most root objects */
	const char *type;                    /**< of all root objects; NULL: none */
	struct heapcore_count roots;         /**< the objects that were lost */
	struct heapcore_count below;         /**< what only they hold */
	const char *content;                 /**< class that tells what the group is about */
	struct heapcore_count content_count; /**< chunks of it */
	uint64_t sample;                     /**< address of a root object */
	uint64_t sample_content;             /**< address of a chunk of @ref content */
};

struct heapcore_leaks {
	struct heapcore_count definite, indirect; /**< chunks of all groups */
	struct heapcore_count possible;           /**< in no group */
	uint32_t upper_bound; /**< the core lacks what could hold them: less may be lost */
	size_t num;           /**< groups */
};

struct heapcore_error *heapcore_leaks(struct heapcore *core, const struct heapcore_leaks **ret);
/** Most bytes first, from 0 on; NULL behind the last. */
const struct heapcore_leak_group *heapcore_leak_group(const struct heapcore_leaks *leaks,
						      size_t index);
/**
 * Chunks of a group: root objects, then what is below them, each by address, with their reach. Here
 * heapcore_batch::next is no address: it counts chunks of the group.
 *
 * @param number heapcore_leak_group::number
 * @return also @ref HEAPCORE_ARGUMENT when there is no such group
 */
struct heapcore_error *heapcore_leak_chunks(struct heapcore *core, size_t number,
					    struct heapcore_batch *batch);

/** Chunks in use that have size, type and content class in common. */
struct heapcore_kind {
	size_t number;    /**< from 1 */
	uint64_t size;    /**< bytes, with header */
	const char *type; /**< NULL: none */
	const char *content_class;
	struct heapcore_count all;
	struct heapcore_count leaked; /**< of these, lost */
	uint64_t sample;              /**< address of the first one */
};

struct heapcore_kinds {
	size_t num;
};

/** Looks at every chunk in use; reachability first, so that what is lost is known. */
struct heapcore_error *heapcore_kinds(struct heapcore *core, const struct heapcore_kinds **ret);
/** Most bytes first, from 0 on; NULL behind the last. */
const struct heapcore_kind *heapcore_kind(const struct heapcore_kinds *kinds, size_t index);

/** Something that holds memory. */
struct heapcore_finding {
	size_t number;               /**< from 1 */
	const char *kind;            /**< "lost", "held", "freed", "stacks", "outside" */
	struct heapcore_count count; /**< all of it; chunks 0: it has none */
	uint64_t touched;            /**< of its bytes: what it costs */
	double share;                /**< of all that is touched, 0 to 1 */
	size_t group;                /**< of "lost": heapcore_leak_group::number; else 0 */
	uint64_t size, max_size;     /**< of its chunks, bytes, but for a few; else 0 */
	const char *content_class;   /**< of most of its chunks; NULL: it has none */
	const char *type;            /**< the same */
	const char *owner;           /**< of "outside": "python", "go"…; NULL: unknown */
	uint64_t sample;             /**< address of a chunk of it; 0: none */
	size_t part_of; /**< number of the larger finding with which it is one thing; 0: none */
};

struct heapcore_verdict {
	const char *verdict; /**< "leak", "held", "retention", "stacks", "outside malloc"… */
	uint64_t touched;    /**< bytes: all that is shared out to findings and the rest */
	uint64_t total;      /**< bytes of anonymous memory, touched or not */
	size_t num;          /**< findings */
};

/** What holds the memory, in a word; and everything that does, largest first. */
struct heapcore_error *heapcore_verdict(struct heapcore *core, const struct heapcore_verdict **ret);
/** Most touched bytes first, from 0 on; NULL behind the last. */
const struct heapcore_finding *heapcore_finding(const struct heapcore_verdict *verdict,
						size_t index);
/**@}*/

/** @name Search */
/**@{*/

#define HEAPCORE_LITERAL 1u     /**< no metacharacters */
#define HEAPCORE_HEX 2u         /**< pairs of hexadecimal digits; ?? is any byte */
#define HEAPCORE_IGNORE_CASE 4u /**< of ASCII letters */
#define HEAPCORE_WIDE 8u        /**< text in UTF-16LE */
#define HEAPCORE_WORD 16u       /**< no word character before it or behind it */
#define HEAPCORE_FIRST_ONLY 32u /**< at most one match a chunk or mapping */

enum heapcore_scope {
	HEAPCORE_SEARCH_CHUNKS,   /**< chunks of the selection */
	HEAPCORE_SEARCH_MAPPINGS, /**< every readable byte of the core */
	HEAPCORE_SEARCH_STACKS,   /**< the live part of every stack */
	HEAPCORE_SEARCH_ALL       /**< chunks of the selection, and every byte that is no heap */
};

/** A match. Valid during the callback only. */
struct heapcore_match {
	uint64_t address;                   /**< of it */
	const void *bytes;                  /**< it */
	size_t size;                        /**< bytes of it */
	const void *group;                  /**< the first capture group, or the match */
	size_t group_size;                  /**< bytes of that */
	const struct heapcore_chunk *chunk; /**< that it is in; NULL: in none */
};

/** Called for each match, by address. @return 0 to go on; else the search ends */
typedef int heapcore_match_fn(void *ctx, const struct heapcore_match *match);

struct heapcore_search {
	size_t struct_size;                   /**< sizeof(struct heapcore_search) */
	const char *pattern;                  /**< regular expression of PCRE2 over bytes */
	uint32_t flags;                       /**< HEAPCORE_LITERAL and following */
	uint32_t scope;                       /**< enum heapcore_scope */
	const struct heapcore_select *select; /**< NULL: all chunks in use */
	heapcore_match_fn *fn;                /**< NULL: only count */
	void *ctx;                            /**< of @ref fn */
};

struct heapcore_found {
	size_t struct_size; /**< sizeof(struct heapcore_found), for the caller to set */
	uint64_t matches;
	struct heapcore_count chunks; /**< with a match */
	uint64_t limited; /**< chunks or mappings with bytes given up, since they cost too much */
};

/** @return also @ref HEAPCORE_ARGUMENT for a bad pattern. @param[out] ret may be NULL */
struct heapcore_error *heapcore_search(struct heapcore *core, const struct heapcore_search *search,
				       struct heapcore_found *ret);
/**@}*/

#ifdef __cplusplus
}
#endif

#endif
