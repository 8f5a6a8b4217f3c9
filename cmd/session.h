/**
 * @file
 * A session: one run of one verb on one core.
 *
 * Opens what the verb needs (process, heap, reachability), prints the remarks that come up as
 * "heapcore: CORE: what is wrong; what was done about it", shows the current phase on a terminal
 * while work takes long, and measures it for --verbose.
 */
#ifndef HC_CMD_SESSION_H
#define HC_CMD_SESSION_H

#include "analyzers/content/secrets.h"
#include "analyzers/target.h"
#include "cmd/options.h"
#include "cmd/progress.h"
#include "cmd/render/document.h"
#include "cmd/render/render.h"

enum hc_need {
	HC_NEED_PROCESS,     /**< no heap */
	HC_NEED_HEAP_IF_ANY, /**< a process without a heap that can be read is fine:
				target->no_heap says why */
	HC_NEED_HEAP,
	HC_NEED_REACH, /**< and which chunks are reachable */
};

#define HC_MAX_PHASES 24

/** Most cores that one verb looks at. */
#define HC_MAX_TARGETS 3

struct hc_verdict;

/** Takes the documents of other verbs, for one that puts them together. */
struct hc_taker {
	struct hc_error *(*take)(void *ctx, struct hc_document *doc, const struct hc_view *view);
	void *ctx;
	bool said_partial; /**< what is missing is said already, and is not said again */
};

/** A core that is open already, for verbs to work on without opening it; see cmd/run.h. */
struct hc_loan {
	const char *path;              /**< as a command names it */
	const struct hc_options *with; /**< how it was opened */
	struct hc_target *target;
	struct hc_signatures *signatures; /**< of the target */
	struct hc_masker *masker;
	size_t remarks_shown; /**< remarks that were printed before */
};

struct hc_session {
	struct hc_options *options; /**< the selection is prepared when the heap is open */
	struct hc_output out;
	struct hc_target *target; /**< the last one opened; NULL: none, as for a snapshot */
	struct hc_target *targets[HC_MAX_TARGETS];
	const struct hc_loan *loans; /**< cores that need not be opened */
	size_t num_loans;
	bool borrows[HC_MAX_TARGETS]; /**< targets that are on loan */
	bool borrows_signatures;
	bool answers; /**< something of the answer was written */
	unsigned num_targets;
	struct hc_signatures *signatures; /**< the content classes, from when the core is open */
	struct hc_masker *masker;      /**< of secrets, with @ref signatures; cmd/render/policy.h */
	struct hc_diagnostics remarks; /**< of a verb that reads something other than a core */
	struct hc_taker *taker; /**< NULL: documents are written. Else the core is opened once */
	int status;             /**< exit status, unless an error is returned */

	struct hc_progress *progress;
	struct hc_phase_time {
		const char *name;
		double seconds;
	} phases[HC_MAX_PHASES];
	unsigned num_phases;
	struct hc_phase_time *phase;              /**< the current one; NULL: none */
	double phase_start;                       /**< seconds */
	uint64_t chunks_wrote;                    /**< calls of hc_session_wrote() */
	uint64_t peak_anonymous;                  /**< bytes, the most at the end of a phase */
	size_t remarks_shown[HC_MAX_TARGETS + 1]; /**< of each target; the last: of @ref remarks */
};

/** What the output unit wants to know of the command line. */
struct hc_output_options hc_session_output_options(const struct hc_session *session);

/** Prepare; opens the output unless the verb does. */
struct hc_error *hc_session_init(struct hc_session *session, struct hc_options *options);
void hc_session_deinit(struct hc_session *session);

struct hc_error *hc_session_open(struct hc_session *session, enum hc_need need);

/**
 * The same in two steps, for a verb that finds out only then what it needs: the core, without
 * remarks; then the rest, once.
 */
struct hc_error *hc_session_open_core(struct hc_session *session);
struct hc_error *hc_session_need(struct hc_session *session, enum hc_need need);

/**
 * What the target's findings are, with the numbers that analyze gives them.
 *
 * @param suppress a file of suppressions, as analyze was given; NULL: none
 */
struct hc_error *hc_session_measure(struct hc_session *session, const char *suppress,
				    struct hc_verdict *ret);

/**
 * hc_session_open() for verbs that compare: opens another core, which becomes session->target. The
 * selection stays that of the first one.
 */
struct hc_error *hc_session_open_another(struct hc_session *session, const char *path,
					 enum hc_need need);

/** Print remarks that came up since the last call; hc_session_open() does, too. */
void hc_session_print_remarks(struct hc_session *session);

/** Make session->signatures of the built-in ones and --signatures, unless they are there. */
struct hc_error *hc_session_signatures(struct hc_session *session);

/**
 * A copy of text that the process had, but that is no content of its heap: its command line, paths,
 * last words. Secrets in it don't show below --content full, at whatever level. To be freed.
 *
 * @return NULL for NULL
 */
char *hc_session_mask(const struct hc_session *session, const char *text);

/**
 * See to it that session->target->types are there: with --type they are, and then with all that can
 * be known.
 */
struct hc_error *hc_session_types(struct hc_session *session, enum hc_types_effort effort);

/**
 * Begin a phase of the verb's own, ending the one before; NULL: only end it. Targets and analyzers
 * tell theirs themselves. @param name static, "writing"
 */
void hc_session_phase(struct hc_session *session, const char *name);

/**
 * Begin to write rows as they are found. Unless they go to a file the screen belongs to them from
 * now on, or to the pager at the end of the pipe, and no phase is shown.
 */
void hc_session_begin_rows(struct hc_session *session);

/** All chunks up to this one are written: progress is told now and then. */
void hc_session_wrote(struct hc_session *session, const struct hc_chunk *chunk);

/** Why there is no heap; NULL: there is one, or nobody asked for it. */
static inline const char *hc_session_no_heap(const struct hc_session *session)
{
	return session->target ? session->target->no_heap : NULL;
}

/** The same in a word, for programs; NULL as above. */
static inline const char *hc_session_absence(const struct hc_session *session)
{
	return hc_session_no_heap(session) ? hc_absence_name(session->target->absence) : NULL;
}

/** Whether the answer may lack something. */
bool hc_session_partial(const struct hc_session *session);

/**
 * Begin a document with what every one has: schema, core, partial, remarks; for people "PARTIAL:
 * why" at the top, when it is.
 *
 * @param doc initialised, and empty; cells may have been made in it already
 */
void hc_session_begin(const struct hc_session *session, struct hc_document *doc);

/** The two halves of it. */
void hc_session_begin_data(const struct hc_session *session, struct hc_document *doc);
void hc_session_say_partial(const struct hc_session *session, struct hc_document *doc);

/** Write a document in the format that is asked for. */
struct hc_error *hc_session_write(struct hc_session *session, struct hc_document *doc);

/** What renderers are to be given: the output, the format, and how it is to look. */
void hc_session_view(struct hc_session *session, struct hc_view *ret);

/** What --verbose shows, on stderr. */
void hc_session_print_costs(struct hc_session *session);

/** What --content allows. */
static inline bool hc_session_shows_class(const struct hc_session *session)
{
	return session->options->content >= HC_CONTENT_CLASS;
}

static inline bool hc_session_shows_bytes(const struct hc_session *session)
{
	return session->options->content >= HC_CONTENT_SAMPLE;
}

static inline void hc_selection_scratch_destroyp(struct hc_selection_scratch **scratch)
{
	hc_selection_scratch_destroy(*scratch);
}

#endif
