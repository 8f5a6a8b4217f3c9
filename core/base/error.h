/**
 * @file
 * Errors as values.
 *
 * A call that can fail returns `struct hc_error *`: NULL for success, else an object that the
 * caller owns and destroys with hc_error_destroy(). Out of memory is a static object, so that
 * reporting it can't fail. Results are the last parameters of a function and are untouched on
 * failure.
 *
 * Nothing in core/ or analyzers/ prints; what is worth saying although work went on is collected in
 * @ref hc_diagnostics.
 */
#ifndef HC_CORE_BASE_ERROR_H
#define HC_CORE_BASE_ERROR_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum hc_error_code {
	HC_ERROR_NO_MEMORY,
	HC_ERROR_OS,           /**< a system call failed; the message carries strerror() */
	HC_ERROR_FORMAT,       /**< input is not what it claims to be, or not supported */
	HC_ERROR_MISSING,      /**< an address whose bytes the core does not hold */
	HC_ERROR_NO_ALLOCATOR, /**< no heap that any allocator back end recognises */
	HC_ERROR_ARGUMENT,     /**< the user asked for something malformed (pattern, address…) */
	HC_ERROR_LIMIT,        /**< a stated bound was reached (PCRE2 match limit…) */
	HC_ERROR_CANCELLED,    /**< an observer asked to end the work (watch.h) */
};

/**
 * Which of the caller's words an error is about. Below cmd nobody knows how an option is spelled;
 * cmd adds that, and what to do (cmd/advice.h).
 */
enum hc_about {
	HC_ABOUT_NOTHING,
	HC_ABOUT_EXECUTABLE, /**< the executable that was named */
	HC_ABOUT_SMAPS,      /**< the snapshot beside the core */
	HC_ABOUT_SUPPRESS,   /**< the file of suppressions */
	HC_ABOUT_THREAD,     /**< the thread of a selection */
	HC_ABOUT_SNAPSHOT,   /**< a snapshot where a core is wanted */
	HC_ABOUT_ROOM,       /**< the folder for temporary files */
	HC_ABOUT_ALLOCATOR,  /**< no heap: what works without one */
	HC_ABOUT_CLASS,      /**< name of a content class */
	HC_ABOUT_TYPE,       /**< name of a type */
	HC_ABOUT_ATTRIBUTE,  /**< name of an attribute */
	HC_ABOUT_HEX,        /**< a pattern in hexadecimal */
	HC_ABOUT_WIDE,       /**< a pattern for UTF-16 */
	HC_ABOUT_NO_CHUNKS,  /**< a finding that has mappings, where chunks are asked for */
	HC_ABOUT_NO_RANGES,  /**< the other way round */
	HC_NUM_ABOUTS
};

struct hc_error {
	enum hc_error_code code;
	enum hc_about about;
	unsigned detail;  /**< of HC_ERROR_NO_ALLOCATOR: enum hc_absence (heap.h); else 0 */
	bool has_address; /**< @ref address is meaningful */
	uint64_t address; /**< where in the process, when the fault has a place */
	char *message;    /**< one line, no newline, no "heapcore:" prefix */
};

/** The one out-of-memory error; destroying it is fine. */
extern struct hc_error hc_enomem;

struct hc_error *hc_error_create(enum hc_error_code code, const char *format, ...)
	__attribute__((returns_nonnull, format(printf, 2, 3)));

/** Like hc_error_create() with a place in the process; the message should not repeat it. */
struct hc_error *hc_error_at(enum hc_error_code code, uint64_t address, const char *format, ...)
	__attribute__((returns_nonnull, format(printf, 3, 4)));

/** "FORMAT: strerror(errnum)" with @ref HC_ERROR_OS. */
struct hc_error *hc_error_os(int errnum, const char *format, ...)
	__attribute__((returns_nonnull, format(printf, 2, 3)));

/** Another error that says the same; NULL for NULL. */
struct hc_error *hc_error_copy(const struct hc_error *err);

/** Say what an error is about. @return @p err, which may be @ref hc_enomem, and then says nothing
 */
struct hc_error *hc_error_about(struct hc_error *err, enum hc_about about)
	__attribute__((returns_nonnull, nonnull));

/** Destroy; NULL is fine. */
void hc_error_destroy(struct hc_error *err);

/** What is worth telling the user although the work went on. */
struct hc_diagnostic {
	bool partial;  /**< the answer does not cover everything it should */
	char *message; /**< "what is wrong; what was done about it" */
};

/** An append-only list of remarks, owned by the process (process.h). */
struct hc_diagnostics {
	struct hc_diagnostic *items;
	size_t num;
	bool partial; /**< any item is partial */
};

void hc_diagnostics_deinit(struct hc_diagnostics *diag);

/**
 * Append a remark. Never fails: without memory the remark is dropped, but @p partial is still
 * recorded. A text that is already in the list is not added again, and after 100 remarks only the
 * partial flag is kept, so that a damaged core can't flood the terminal.
 */
void hc_diagnostics_add(struct hc_diagnostics *diag, bool partial, const char *format, ...)
	__attribute__((format(printf, 3, 4)));

#endif
