/// Threads that work for a loop. Jobs wait in one short queue; what is done is told on the loop.
#pragma once

#include "common/base/result.hpp"
#include "common/sys/loop.hpp"
#include "common/sys/wakeup.hpp"

#include <array>
#include <atomic>
#include <condition_variable>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <mutex>
#include <optional>
#include <pthread.h>
#include <vector>

namespace braid {

class WorkLine;

/// What an outside observer may know of a daemon's workers, for status.
struct WorkersView {
    std::optional<std::uint32_t> wanted; ///< threads in all, the loop's own included; none: auto
    std::size_t threads = 0;             ///< beside the loop's own
    bool in_use = false;
};

/// A piece of work. It lives in its owner, which touches nothing that the work uses from the moment
/// it is submitted until it is done, or its line was cancelled.
class Job {
public:
    virtual ~Job() = default;
    /// Does it, on any one thread: 1 to Workers::threads(), or 0, the loop's own.
    virtual void run(std::size_t thread) noexcept = 0;
    /// What run() wrote may be read.
    [[nodiscard]] bool done() const noexcept { return done_.load(std::memory_order_acquire); }

private:
    friend class Workers;
    WorkLine* line_ = nullptr;
    std::atomic<bool> done_{false};
};

/// The threads and their queue. Every WorkLine must die before them. They take no signals, and have
/// the privileges of the thread that starts them.
class Workers {
public:
    static constexpr std::size_t max_threads = 15;
    static constexpr std::size_t queue_room = 64;

    /// Errors: the system's, when the threads cannot be made.
    [[nodiscard]] static Result<std::unique_ptr<Workers>> start(Loop& loop, std::size_t threads);
    /// Waits for the threads.
    ~Workers();
    Workers(const Workers&) = delete;
    Workers& operator=(const Workers&) = delete;

    [[nodiscard]] std::size_t threads() const noexcept { return threads_.size(); }

private:
    friend class WorkLine;
    struct Thread {
        Workers* workers = nullptr;
        std::size_t number = 0;
        pthread_t handle{};
    };

    Workers(Loop& loop, std::size_t threads);
    [[nodiscard]] Status start_threads();
    static void* enter(void* thread);
    void work(std::size_t number);
    void on_wake();

    /// These are called by lines, on the loop.
    void submit(WorkLine& line, Job& job);
    void cancel(WorkLine& line);
    void finish(WorkLine& line);

    // With mutex_ held:
    [[nodiscard]] Job* take(const WorkLine* line);
    void mark_done(Job& job);
    void wait_for(std::unique_lock<std::mutex>& lock, const WorkLine& line);
    void forget_news(WorkLine& line);

    std::mutex mutex_;
    std::condition_variable more_;         ///< a job waits, or it is the end
    std::condition_variable less_;         ///< a line has no job on a thread any more
    std::array<Job*, queue_room> queue_{}; ///< oldest first, `queued_` of them
    std::size_t queued_ = 0;
    WorkLine* news_ = nullptr; ///< lines with something done that they were not told of
    bool ending_ = false;
    Wakeup wakeup_;
    std::vector<Thread> threads_; ///< never grows: each thread knows its place
    std::size_t started_ = 0;
};

/// The jobs of one owner. All calls come from the loop.
class WorkLine {
public:
    struct Owner {
        virtual ~Owner() = default;
        /// At least one job is done since the last call. The owner may destroy the line here.
        virtual void on_work_done() = 0;
    };

    /// Both outlive the line.
    WorkLine(Workers& workers, Owner& owner) : workers_(workers), owner_(owner) {}
    ~WorkLine() { cancel(); }
    WorkLine(const WorkLine&) = delete;
    WorkLine& operator=(const WorkLine&) = delete;

    /// Gives a job to the threads; when the queue is full it is done here and now, without a call.
    void submit(Job& job) { workers_.submit(*this, job); }
    /// Forgets the jobs that wait and waits for those that run. There is no call for any of them.
    void cancel() { workers_.cancel(*this); }
    /// All jobs are done afterwards: does those that wait itself, and waits for those that run.
    void finish() { workers_.finish(*this); }

private:
    friend class Workers;
    Workers& workers_;
    Owner& owner_;
    // These belong to the workers' mutex.
    std::size_t running_ = 0;
    bool has_news_ = false;
    WorkLine* next_news_ = nullptr;
};

} // namespace braid
