/**
 * @file
 * Progress on a terminal; see progress.h.
 *
 * A thread of its own wakes up a few times a second, so that no inner loop has to think about it.
 */
#include <pthread.h>
#include <signal.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <time.h>
#include <unistd.h>

#include "cmd/progress.h"

#define DELAY_SECONDS 1
/** Before that, and with less done, what is left is a guess. */
#define MIN_PHASE_SECONDS 2
#define MIN_SHARE 0.02
#define TICK_NANOSECONDS 250000000

/** For hc_progress_abandon(), which can't look into a struct that is locked. */
static volatile sig_atomic_t on_screen, abandoned;

struct hc_progress {
	pthread_t thread;
	pthread_mutex_t lock;
	pthread_cond_t changed;
	const char *phase; /**< NULL: none */
	double share;      /**< done of the phase; negative: unknown */
	struct timespec start;
	double phase_start; /**< seconds behind @ref start */
	bool shown;         /**< the line is on the screen */
	bool stop;
};

static void erase(struct hc_progress *progress)
{
	if (progress->shown)
		fputs("\r\033[K", stderr);
	progress->shown = false;
	on_screen = false;
}

#define BAR_WIDTH 24

/** "3 min 20 s", "45 s" */
static void put_duration(FILE *file, double seconds)
{
	long whole = seconds + 0.5;

	if (whole >= 3600)
		fprintf(file, "%ld h %ld min", whole / 3600, whole / 60 % 60);
	else if (whole >= 60)
		fprintf(file, "%ld min %ld s", whole / 60, whole % 60);
	else
		fprintf(file, "%ld s", whole);
}

void hc_progress_write(FILE *file, const struct hc_progress_state *state)
{
	static const char full[] = "########################", empty[] = "........................";
	int filled = state->share * BAR_WIDTH;

	fputs(state->phase, file);
	if (state->share >= 0)
		fprintf(file, " [%.*s%.*s] %.0f %%", filled, full, BAR_WIDTH - filled, empty,
			state->share * 100);
	fputs(", ", file);
	put_duration(file, state->seconds);
	if (state->share < MIN_SHARE || state->phase_seconds < MIN_PHASE_SECONDS)
		return;
	fputs(", about ", file);
	put_duration(file, state->phase_seconds * (1 - state->share) / state->share);
	fputs(" left", file);
}

/** The line in one piece, and known to be there before it is: a signal may come at any time. */
static void draw(struct hc_progress *progress, double seconds)
{
	char *line = NULL;
	size_t size;
	FILE *file = open_memstream(&line, &size);

	if (!file)
		return;
	fputs("\r\033[K", file);
	hc_progress_write(file, &(struct hc_progress_state){
					.phase = progress->phase,
					.share = progress->share,
					.seconds = seconds,
					.phase_seconds = seconds - progress->phase_start,
				});
	if (!fclose(file) && !abandoned) {
		progress->shown = true;
		on_screen = true;
		fputs(line, stderr);
	}
	free(line);
}

/** Since the program began. */
static double seconds_since(const struct hc_progress *progress, const struct timespec *now)
{
	return now->tv_sec - progress->start.tv_sec +
	       (now->tv_nsec - progress->start.tv_nsec) / 1e9;
}

static void *show(void *arg)
{
	struct hc_progress *progress = arg;
	struct timespec now;

	pthread_mutex_lock(&progress->lock);
	while (!progress->stop) {
		clock_gettime(CLOCK_MONOTONIC, &now);
		double seconds = seconds_since(progress, &now);
		if (progress->phase && seconds >= DELAY_SECONDS)
			draw(progress, seconds);
		now.tv_nsec += TICK_NANOSECONDS;
		if (now.tv_nsec >= 1000000000) {
			now.tv_nsec -= 1000000000;
			now.tv_sec++;
		}
		pthread_cond_timedwait(&progress->changed, &progress->lock, &now);
	}
	pthread_mutex_unlock(&progress->lock);
	return NULL;
}

struct hc_progress *hc_progress_create(void)
{
	pthread_condattr_t attr;

	if (!isatty(STDERR_FILENO))
		return NULL;
	struct hc_progress *progress = calloc(1, sizeof(*progress));
	if (!progress)
		return NULL;
	clock_gettime(CLOCK_MONOTONIC, &progress->start);
	pthread_mutex_init(&progress->lock, NULL);
	pthread_condattr_init(&attr);
	pthread_condattr_setclock(&attr, CLOCK_MONOTONIC);
	pthread_cond_init(&progress->changed, &attr);
	pthread_condattr_destroy(&attr);
	if (pthread_create(&progress->thread, NULL, show, progress)) {
		pthread_cond_destroy(&progress->changed);
		pthread_mutex_destroy(&progress->lock);
		free(progress);
		return NULL;
	}
	return progress;
}

void hc_progress_set(struct hc_progress *progress, const char *phase)
{
	if (!progress)
		return;
	struct timespec now;
	clock_gettime(CLOCK_MONOTONIC, &now);
	pthread_mutex_lock(&progress->lock);
	erase(progress);
	progress->phase_start = seconds_since(progress, &now);
	progress->phase = phase;
	progress->share = -1;
	pthread_mutex_unlock(&progress->lock);
}

void hc_progress_set_share(struct hc_progress *progress, double share)
{
	if (!progress)
		return;
	pthread_mutex_lock(&progress->lock);
	progress->share = share < 0 ? 0 : share > 1 ? 1 : share;
	pthread_mutex_unlock(&progress->lock);
}

void hc_progress_destroy(struct hc_progress *progress)
{
	if (!progress)
		return;
	pthread_mutex_lock(&progress->lock);
	progress->stop = true;
	pthread_cond_signal(&progress->changed);
	pthread_mutex_unlock(&progress->lock);
	pthread_join(progress->thread, NULL);
	erase(progress);
	pthread_cond_destroy(&progress->changed);
	pthread_mutex_destroy(&progress->lock);
	free(progress);
}

void hc_progress_abandon(void)
{
	/* Where there is no room for a line there is nobody to see it. */
	abandoned = true;
	ssize_t written = on_screen ? write(STDERR_FILENO, "\n", 1) : 0;

	(void)written;
}
