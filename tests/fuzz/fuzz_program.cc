/*
 * The same of C++: namespaces, classes in classes, bases, templates, references. Built with
 * g++ -g -nostdlib -static -no-pie -fno-rtti -fno-exceptions -Wl,-e,main,-z,noseparate-code.
 */
namespace app
{
struct base {
	virtual int number()
	{
		return 0;
	}
	base *up = nullptr;
};

template <typename T> class list : public base
{
      public:
	struct link {
		link *next;
		T *value;
	};
	link head{};
	static link *shared;
};
template <typename T> typename list<T>::link *list<T>::shared;

namespace
{
struct session;
struct other {
	session *owner;
};
struct session : virtual other, list<int> {
	int &count;
	list<session> *others[2];
	explicit session(int &n) : count(n), others()
	{
	}
};
} // namespace
} // namespace app

static int number;
app::session *session;

int main()
{
	static char room[sizeof(app::session)];

	session = (app::session *)room;
	return !app::list<int>::shared && session->others[0];
}
