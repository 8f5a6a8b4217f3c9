// 30,000 jobs that wait in a lock-free queue, whose links have a tag in their top 16 bits; nothing is lost.
//
// usage: backlog [abort|pause|signal]
#include <boost/lockfree/queue.hpp>

#include "../manifest.h"

enum { JOBS = 30000 };

struct Job {
	virtual ~Job() {}
	char text[84];
};

boost::lockfree::queue<Job *> backlog(8);

int main(int argc, char **argv)
{
	for (int i = 0; i < 5; i++) {
		Job *job = new Job;

		backlog.push(job);
		backlog.pop(job);
		delete job;
	}
	for (int i = 0; i < JOBS; i++) {
		Job *job = new Job;

		snprintf(job->text, sizeof(job->text), "RENDER scene/%d {\"frame\":%d}", i % 50, i);
		backlog.push(job);
	}
	say("jobs %d", JOBS);
	stop_here(argc > 1 ? argv[1] : "pause");
}
