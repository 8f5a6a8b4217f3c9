/**
 * @file
 * Providers: ways to know the type of a chunk. For those in this room; everybody else asks types.h.
 *
 * A provider looks once for the types that a process has, numbers them from 0 on, and then says of
 * a chunk which of them it holds. types.c keeps the list of providers, best first: it asks one
 * after the other about a chunk, makes ids of their numbers, and keeps the names. What a new way
 * needs is a struct hc_type_provider and its place in that list.
 *
 * What find() costs, everybody who asks for a type pays, whatever the process is: a way that needs
 * a look at chunks takes the sample (size_sample.h), and one that looks through the data of modules
 * does so once.
 */
#ifndef HC_ANALYZERS_TYPES_PROVIDER_H
#define HC_ANALYZERS_TYPES_PROVIDER_H

#include "analyzers/types/rtti.h"
#include "analyzers/types/rust.h"
#include "analyzers/types/size_sample.h"
#include "analyzers/types/types.h"
#include "core/process/debuginfo.h"

/** How a chunk has its type. */
enum hc_type_form {
	HC_FORM_ONE,    /**< it is one */
	HC_FORM_ARRAY,  /**< several of them: [] behind the name */
	HC_FORM_PREFIX, /**< it goes on behind it: + behind the name */
	HC_FORM_INSIDE, /**< one is in it, behind something else: " inside" behind the name */
	HC_FORM_SEVERAL_INSIDE, /**< several are: "[] inside" */
	HC_NUM_FORMS
};

/** What a chunk holds, as one provider says. */
struct hc_type_hit {
	uint32_t index; /**< of the provider's types */
	enum hc_type_form form;
};

/** What there is to look at, and what is shared between providers. */
struct hc_type_scope {
	struct hc_process *process;
	const struct hc_heap *heap;
	enum hc_types_effort effort;
	struct hc_rtti rtti;
	struct hc_rust rust;
	struct hc_debuginfo *info; /**< NULL: none was looked at */
	/** Only while types are looked for; empty until somebody has taken it. */
	struct hc_size_sample sample;
};

/** A chunk in use, and those of its bytes that are there. */
struct hc_type_subject {
	const struct hc_chunk *chunk;
	struct hc_bytes bytes;
};

struct hc_type_provider {
	/**
	 * Look for types.
	 *
	 * @param[out] own_ret what the other calls get; NULL stays where there are none
	 */
	struct hc_error *(*find)(struct hc_type_scope *scope, void **own_ret);
	void (*destroy)(void *own);
	size_t (*num)(const void *own);
	/**
	 * The type of a chunk, which @p hit is left alone without. Safe from several threads.
	 *
	 * @param[out] hit HC_FORM_ONE unless it is set
	 */
	bool (*find_type)(const void *own, const struct hc_type_subject *subject,
			  struct hc_type_hit *hit);
	/**
	 * Where the objects of a chunk that has a type from here lie in it. NULL: it is one, at its
	 * start. Safe from several threads.
	 */
	bool (*objects)(const void *own, const struct hc_type_subject *subject,
			struct hc_type_objects *ret);
	/** @return to be freed by the caller; NULL without memory */
	char *(*name)(const void *own, struct hc_type_scope *scope, size_t index);
	/** How types are known: all of them alike, or, where @ref source is there, each by itself.
	 */
	enum hc_type_source known_by;
	enum hc_type_source (*source)(const void *own, size_t index);
	/**
	 * What else an object tells of itself: hc_type_remark(). NULL: this provider's never do.
	 */
	char *(*remark)(const void *own, struct hc_type_scope *scope,
			const struct hc_type_subject *subject);
	unsigned forms; /**< that its types can have: bits of enum hc_type_form */
};

/** C++ classes, by the vtable that a chunk begins with. */
extern const struct hc_type_provider hc_types_by_vtable;
/** C++ classes, by vtables inside of a chunk. */
extern const struct hc_type_provider hc_types_by_embedded;
/** Instances of GLib's types, by their class. */
extern const struct hc_type_provider hc_types_by_gtype;
/** Objects of CPython, by their type. */
extern const struct hc_type_provider hc_types_by_python;
/** Structs, by debug information and the pointers that lead to a chunk. */
extern const struct hc_type_provider hc_types_by_pointer;
/** Objects of Rust, by the vtable that a pointer to them has beside it. */
extern const struct hc_type_provider hc_types_by_trait;
/** Kinds of objects, by the constant of a module that they point to. */
extern const struct hc_type_provider hc_types_by_constant;
/** Streams of the C library: FILE. */
extern const struct hc_type_provider hc_types_stream;

/** Take the sample, if nobody did yet. */
static inline struct hc_error *hc_type_scope_sample(struct hc_type_scope *scope)
{
	return scope->sample.num ? NULL : hc_size_sample_take(scope->heap, &scope->sample);
}

/** A word of a subject; 0 where it has none. */
static inline uint64_t hc_subject_word(const struct hc_type_scope *scope,
				       const struct hc_type_subject *subject, uint64_t offset)
{
	unsigned word = scope->heap->word_size;

	if (subject->bytes.size < word || offset > subject->bytes.size - word)
		return 0;
	return hc_read_word(subject->bytes.data + offset, word, scope->heap->big_endian);
}

#endif
