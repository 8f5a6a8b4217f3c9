/**
 * @file
 * The built-in content classes at work on a made-up process.
 */
#ifndef HC_TESTS_FAKE_CLASSES_H
#define HC_TESTS_FAKE_CLASSES_H

#include "tests/unit/fake_heap.h"

/** They are those of the process's target. */
struct fake_classes {
	const struct hc_signatures *signatures;
	const struct hc_classifier *classifier;
};

static inline void fake_classes_init(struct fake_classes *classes, struct fake *fake)
{
	assert_null(hc_target_classifier(fake_target(fake), &classes->classifier));
	classes->signatures = fake->target->signatures;
}

/** The class of a name, which must be there. */
static inline hc_class_id fake_class(const struct fake_classes *classes, const char *name)
{
	hc_class_id class_id = hc_signatures_find(classes->signatures, name);

	assert_int_not_equal(class_id, HC_CLASS_NONE);
	return class_id;
}

#endif
