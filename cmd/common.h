/**
 * @file
 * What chunks have in common, as JSON: for `common` and for the suspects of `analyze`.
 */
#ifndef HC_CMD_COMMON_H
#define HC_CMD_COMMON_H

#include "analyzers/common.h"
#include "cmd/render/json.h"

/** The repeats, best first: array of objects. Texts are of the heap: only where --content lets them show. */
json_t *hc_common_repeats_json(const struct hc_common *common);

#endif
