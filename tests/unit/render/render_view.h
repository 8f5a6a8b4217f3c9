/**
 * @file
 * A view for tests of renderers: output in memory, and a masker that knows one secret.
 */
#ifndef HC_TESTS_RENDER_VIEW_H
#define HC_TESTS_RENDER_VIEW_H

#include <stdlib.h>

#include "cmd/render/rows.h"
#include "tests/unit/unit.h"

struct screen {
	struct hc_output out;
	struct hc_view view;
	struct hc_signatures *signatures;
	char *text;
	size_t size;
};

static inline void screen_init(struct screen *screen, enum hc_content content)
{
	*screen = (struct screen){.out = {.utf8 = true, .width = 80}};
	screen->out.file = open_memstream(&screen->text, &screen->size);
	assert_non_null(screen->out.file);
	screen->view.out = &screen->out;
	screen->view.look = (struct hc_look){.policy = {.content = content}, .utf8 = true};
	assert_ok(hc_signatures_create(NULL, 0, &screen->signatures));
	assert_ok(hc_masker_create(screen->signatures, &screen->view.look.policy.masker));
}

/** What was written so far. */
static inline const char *screen_text(struct screen *screen)
{
	fflush(screen->out.file);
	return screen->text;
}

static inline void screen_deinit(struct screen *screen)
{
	fclose(screen->out.file);
	free(screen->text);
	hc_masker_destroy(screen->view.look.policy.masker);
	hc_signatures_destroy(screen->signatures);
}

static inline struct hc_error *
screen_render(struct screen *screen, const struct hc_renderer *renderer, struct hc_document *doc)
{
	screen->view.renderer = renderer;
	return hc_render(doc, &screen->view);
}

static inline struct hc_error *screen_rows(struct screen *screen,
					   const struct hc_renderer *renderer, struct hc_rows *rows,
					   const struct hc_shape *shape,
					   const struct hc_document *head)
{
	screen->view.renderer = renderer;
	return hc_rows_begin(rows, &screen->view, shape, 0, head);
}

static inline struct hc_bytes bytes_of(const char *text)
{
	return (struct hc_bytes){(const uint8_t *)text, strlen(text)};
}

#endif
