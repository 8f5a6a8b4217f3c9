/**
 * @file
 * The container that an address is part of, in words and as facts.
 */
#ifndef HC_CMD_SHOW_CONTAINER_H
#define HC_CMD_SHOW_CONTAINER_H

#include "analyzers/containers/containers.h"
#include "cmd/show/holder.h"

/** "std::map or set of 1,000 elements"; of what elements are not counted of, so many bytes. */
struct hc_cell hc_container_phrase(const struct hc_container *container, struct hc_document *doc);

/**
 * Add the fact "container":
 *
 *     node 417 of a std::map or set of 1,000 elements at 0x55d0c2a0, g_cache
 * (app)
 *
 * @param namer NULL only where nothing was found
 */
struct hc_error *hc_containment_describe(const struct hc_namer *namer,
					 const struct hc_containment *containment,
					 struct hc_document *doc);

#endif
