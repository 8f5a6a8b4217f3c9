/**
 * @file
 * Running a verb; see run.h.
 */
#include <string.h>
#include <unistd.h>

#include "cmd/run.h"

#include "cmd/advice.h"
#include "cmd/help.h"
#include "cmd/meant.h"
#include "core/base/cleanup.h"
#include "core/base/format.h"
#include "core/base/nearest.h"

int hc_run_report(const char *path, struct hc_error *err)
{
	hc_print_error(path, err);
	hc_error_destroy(err);
	return HC_EXIT_TROUBLE;
}

int hc_run_print(void (*write)(FILE *file, const void *ctx), const void *ctx)
{
	const struct hc_output_options options = {.color = HC_COLOR_NEVER};
	struct hc_output out;
	struct hc_error *err = hc_output_open(NULL, &options, &out);

	if (!err) {
		write(out.file, ctx);
		err = hc_output_finish(&out);
	}
	return err ? hc_run_report(NULL, err) : 0;
}

/**
 * What to do about a word that is no verb.
 *
 * @param next the argument behind it; NULL: none
 * @return to be freed; NULL without memory
 */
static char *advise(const char *word, const char *next)
{
	const char *elsewhere = hc_meant_elsewhere(word), *meant = hc_meant_verb(word);
	bool is_file = access(word, F_OK) == 0, is_path = strpbrk(word, "./") != NULL;

	if (is_file && next && hc_verb_find(next))
		return hc_format("the verb comes first: heapcore %s %s", next, word);
	if (is_file && (is_path || !meant))
		return hc_format("'%s' is a file, not a verb; try 'heapcore analyze %s'", word,
				 word);
	if (elsewhere)
		return hc_format("unknown verb '%s'; %s", word, elsewhere);
	if (meant && !is_path)
		return hc_format("unknown verb '%s'; did you mean '%s'? Try 'heapcore --help'",
				 word, meant);
	if (is_path)
		return hc_format("'%s' is neither a verb nor a file; try 'heapcore --help'", word);
	return hc_format("unknown verb '%s'; try 'heapcore --help'", word);
}

int hc_run_unknown(const char *word, const char *next)
{
	hc_cleanup_free char *message = advise(word, next);

	hc_print_message(NULL, message ? message : "unknown verb");
	return HC_EXIT_TROUBLE;
}

static int usage_error(const struct hc_verb *verb, struct hc_error *err)
{
	int status = hc_run_report(NULL, err);

	fprintf(stderr, "Try 'heapcore %s --help'.\n", verb->name);
	return status;
}

/** Run a verb in a session that is open, to its last line. */
static int run_session(struct hc_session *session)
{
	const struct hc_options *options = session->options;
	struct hc_error *err = options->verb->run(session);

	hc_session_phase(session, NULL);
	hc_progress_destroy(hc_steal(session->progress));
	if (err)
		return hc_run_report(options->core, err);
	err = hc_output_finish(&session->out);
	if (err)
		return hc_run_report(NULL, err);
	if (options->verbose)
		hc_session_print_costs(session);
	return session->status;
}

int hc_run_options(struct hc_options *options, const struct hc_run_context *context)
{
	hc_cleanup(hc_session_deinit) struct hc_session session;
	struct hc_error *err = hc_session_init(&session, options);

	if (err)
		return hc_run_report(NULL, err);
	if (context) {
		session.loans = context->loans;
		session.num_loans = context->num_loans;
		context->begins(context->ctx, &session);
	}
	return run_session(&session);
}

int hc_run_verb(const struct hc_verb *verb, int argc, char **argv)
{
	return hc_run_within(verb, argc, argv, NULL);
}

int hc_run_within(const struct hc_verb *verb, int argc, char **argv,
		  const struct hc_run_context *context)
{
	hc_cleanup(hc_options_deinit) struct hc_options options;
	struct hc_error *err =
		context ? hc_options_parse_within(context->options, verb, argc, argv, &options)
			: hc_options_parse(verb, argc, argv, &options);

	if (err)
		return usage_error(verb, err);
	if (!options.help)
		return hc_run_options(&options, context);
	return hc_run_print(hc_help_write, &(struct hc_help){.verb = verb});
}

int hc_run_help(int num, char **words)
{
	struct hc_help topic;
	const char *unknown = hc_help_find(num, words, &topic);

	if (!unknown)
		return hc_run_print(hc_help_write, &topic);
	struct hc_nearest nearest = hc_nearest_to(unknown);
	for (unsigned i = 0; hc_help_topic(i); i++)
		hc_nearest_offer(&nearest, hc_help_topic(i));
	if (!nearest.word)
		return hc_run_unknown(unknown, NULL);
	return hc_run_report(NULL, hc_error_create(HC_ERROR_ARGUMENT,
						   "no help on '%.100s'; did you mean '%s'?",
						   unknown, nearest.word));
}
