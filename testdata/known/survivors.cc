// 200,000 records of which every 16th survives: the rest is free and can't be given back.
//
// usage: survivors [abort|pause|signal]
#include "../manifest.h"

enum { RECORDS = 200000, EACH = 16 };

struct Receipt {
	virtual ~Receipt() {}
	char text[200];
};

Receipt *receipts[RECORDS];

int main(int argc, char **argv)
{
	for (int i = 0; i < RECORDS; i++) {
		receipts[i] = new Receipt;
		snprintf(receipts[i]->text, sizeof(receipts[i]->text), "receipt=%d till=%d state=PAID", i, i % 7);
	}
	for (int i = 0; i < RECORDS; i++) {
		if (i % EACH) {
			delete receipts[i];
			receipts[i] = nullptr;
		}
	}
	say("survivors %d", RECORDS / EACH);
	stop_here(argc > 1 ? argv[1] : "pause");
}
