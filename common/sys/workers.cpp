#include "common/sys/workers.hpp"

#include <algorithm>
#include <cassert>
#include <cerrno>
#include <csignal>
#include <utility>

namespace braid {
namespace {

constexpr std::size_t stack_size = std::size_t{512} * 1024;
constexpr auto thread_name = "braid-worker";

/// No signal is delivered to threads that are made while this lives.
class SignalsBlocked {
public:
    SignalsBlocked()
    {
        sigset_t all;
        ::sigfillset(&all);
        ::pthread_sigmask(SIG_SETMASK, &all, &before_);
    }
    ~SignalsBlocked() { ::pthread_sigmask(SIG_SETMASK, &before_, nullptr); }
    SignalsBlocked(const SignalsBlocked&) = delete;
    SignalsBlocked& operator=(const SignalsBlocked&) = delete;

private:
    sigset_t before_{};
};

class ThreadAttributes {
public:
    ThreadAttributes()
    {
        ::pthread_attr_init(&raw_);
        ::pthread_attr_setstacksize(&raw_, stack_size);
    }
    ~ThreadAttributes() { ::pthread_attr_destroy(&raw_); }
    ThreadAttributes(const ThreadAttributes&) = delete;
    ThreadAttributes& operator=(const ThreadAttributes&) = delete;
    [[nodiscard]] const pthread_attr_t* get() const noexcept { return &raw_; }

private:
    pthread_attr_t raw_{};
};

} // namespace

Result<std::unique_ptr<Workers>> Workers::start(Loop& loop, std::size_t threads)
{
    std::unique_ptr<Workers> workers{new Workers{loop, threads}};
    if (const auto started = workers->start_threads(); !started) return fail(started.error());
    return workers;
}

Workers::Workers(Loop& loop, std::size_t threads)
    : wakeup_(loop, [this] { on_wake(); }), threads_(std::min(threads, max_threads))
{
}

Status Workers::start_threads()
{
    const SignalsBlocked blocked;
    const ThreadAttributes attributes;
    for (Thread& thread : threads_) {
        thread.workers = this;
        thread.number = started_ + 1;
        const int error = ::pthread_create(&thread.handle, attributes.get(), enter, &thread);
        errno = error;
        if (error != 0) return fail_errno("start", "a worker thread");
        ++started_;
    }
    return {};
}

Workers::~Workers()
{
    {
        const std::lock_guard lock{mutex_};
        assert(queued_ == 0 && news_ == nullptr);
        ending_ = true;
    }
    more_.notify_all();
    for (std::size_t i = 0; i < started_; ++i) ::pthread_join(threads_[i].handle, nullptr);
}

void* Workers::enter(void* thread)
{
    const auto& self = *static_cast<const Thread*>(thread);
    ::pthread_setname_np(::pthread_self(), thread_name);
    self.workers->work(self.number);
    return nullptr;
}

void Workers::work(std::size_t number)
{
    std::unique_lock lock{mutex_};
    while (true) {
        more_.wait(lock, [this] { return ending_ || queued_ > 0; });
        if (ending_) return;
        Job& job = *take(nullptr);
        WorkLine& line = *job.line_;
        ++line.running_;
        lock.unlock();
        job.run(number);
        lock.lock();
        --line.running_;
        const bool first_news = news_ == nullptr;
        mark_done(job);
        if (line.running_ == 0) less_.notify_all();
        if (!first_news) continue; // the loop has been woken and has not looked yet
        lock.unlock();
        wakeup_.wake();
        lock.lock();
    }
}

void Workers::on_wake()
{
    // No more than now have news: others get their turn, and the wakeup comes again for the rest.
    std::unique_lock lock{mutex_};
    std::size_t lines = 0;
    for (const WorkLine* line = news_; line != nullptr; line = line->next_news_) ++lines;
    for (; lines > 0 && news_ != nullptr; --lines) {
        WorkLine& line = *std::exchange(news_, news_->next_news_);
        line.has_news_ = false;
        lock.unlock();
        line.owner_.on_work_done(); // the line may be no more
        lock.lock();
    }
    if (news_ == nullptr) return;
    lock.unlock();
    wakeup_.wake();
}

void Workers::submit(WorkLine& line, Job& job)
{
    job.done_.store(false, std::memory_order_relaxed);
    job.line_ = &line;
    std::unique_lock lock{mutex_};
    if (queued_ < queue_room) {
        queue_[queued_++] = &job;
        lock.unlock();
        more_.notify_one();
        return;
    }
    lock.unlock();
    job.run(0);
    job.done_.store(true, std::memory_order_relaxed); // the loop's own
}

void Workers::cancel(WorkLine& line)
{
    std::unique_lock lock{mutex_};
    while (take(&line) != nullptr) {
    }
    wait_for(lock, line);
    forget_news(line);
}

void Workers::finish(WorkLine& line)
{
    std::unique_lock lock{mutex_};
    while (Job* job = take(&line)) {
        lock.unlock();
        job->run(0);
        lock.lock();
        mark_done(*job);
    }
    wait_for(lock, line);
    const bool told = news_ == nullptr;
    lock.unlock();
    if (!told) wakeup_.wake(); // of what was done here, too
}

Job* Workers::take(const WorkLine* line)
{
    const auto end = queue_.begin() + static_cast<std::ptrdiff_t>(queued_);
    const auto found = std::find_if(queue_.begin(), end, [line](const Job* job) {
        return line == nullptr || job->line_ == line;
    });
    if (found == end) return nullptr;
    Job* const job = *found;
    std::move(found + 1, end, found);
    --queued_;
    return job;
}

void Workers::mark_done(Job& job)
{
    WorkLine& line = *job.line_;
    job.done_.store(true, std::memory_order_release);
    if (std::exchange(line.has_news_, true)) return;
    line.next_news_ = nullptr;
    WorkLine** last = &news_; // those that wait longest are told first
    while (*last != nullptr) last = &(*last)->next_news_;
    *last = &line;
}

void Workers::wait_for(std::unique_lock<std::mutex>& lock, const WorkLine& line)
{
    less_.wait(lock, [&line] { return line.running_ == 0; });
}

void Workers::forget_news(WorkLine& line)
{
    WorkLine** place = &news_;
    while (*place != nullptr && *place != &line) place = &(*place)->next_news_;
    if (*place == nullptr) return;
    *place = line.next_news_;
    line.has_news_ = false;
}

} // namespace braid
