#include "common/admin/daemon.hpp"

#include "common/admin/control_socket.hpp"
#include "common/admin/daemon_life.hpp"
#include "common/admin/instance_lock.hpp"
#include "common/admin/start_report.hpp"
#include "common/base/log.hpp"
#include "common/sys/fd.hpp"

#include <algorithm>
#include <array>
#include <cerrno>
#include <csignal>
#include <cstdlib>
#include <fcntl.h>
#include <filesystem>
#include <optional>
#include <ostream>
#include <poll.h>
#include <sys/signalfd.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <thread>
#include <unistd.h>
#include <utility>
#include <vector>

namespace braid {
namespace {

/// Keeps SIGINT and SIGTERM for a descriptor, so that an impatient user ends a start cleanly.
class CaughtSignals {
public:
    CaughtSignals()
    {
        sigset_t caught{};
        ::sigemptyset(&caught);
        ::sigaddset(&caught, SIGINT);
        ::sigaddset(&caught, SIGTERM);
        ::sigprocmask(SIG_BLOCK, &caught, &before_);
        fd_.reset(::signalfd(-1, &caught, SFD_CLOEXEC | SFD_NONBLOCK));
    }
    CaughtSignals(const CaughtSignals&) = delete;
    CaughtSignals& operator=(const CaughtSignals&) = delete;
    ~CaughtSignals() { restore(); }

    /// Early, for a child.
    void restore()
    {
        ::sigprocmask(SIG_SETMASK, &before_, nullptr);
        fd_.reset();
    }
    [[nodiscard]] int fd() const noexcept { return fd_.get(); }

private:
    sigset_t before_{};
    Fd fd_;
};

/// Closes what whoever started us left open. Our own descriptors are all close-on-exec, so
/// these are the others.
void close_inherited()
{
    std::vector<int> inherited;
    std::error_code code; // without /proc they stay open, which is no fault
    for (const auto& entry : std::filesystem::directory_iterator{"/proc/self/fd", code}) {
        const int fd = std::atoi(entry.path().filename().c_str());
        const int flags = ::fcntl(fd, F_GETFD);
        if (fd > STDERR_FILENO && flags >= 0 && (flags & FD_CLOEXEC) == 0) inherited.push_back(fd);
    }
    for (const int fd : inherited) ::close(fd);
}

/// Leaves the terminal and the folder of whoever started us.
void detach()
{
    ::setsid();
    [[maybe_unused]] const int there = ::chdir("/");
    const Fd null{::open("/dev/null", O_RDWR | O_CLOEXEC)};
    for (const int stream : {STDIN_FILENO, STDOUT_FILENO, STDERR_FILENO})
        ::dup2(null.get(), stream);
    constexpr mode_t no_write_for_others = 022;
    ::umask(no_write_for_others);
    ::signal(SIGPIPE, SIG_IGN);
}

/// The child's life, with the lock that it has inherited. It never returns into the command that
/// started it.
[[noreturn]] void become_daemon(Instance& instance, const InstanceLock& lock, Fd reports)
{
    detach();
    close_inherited();
    PipeReporter reporter{std::move(reports)};
    const auto& settings = instance.settings();
    const auto code = live(instance, reporter,
                           {.settings = settings,
                            .log = settings.background_log(),
                            .made_folder = lock.made_folder()});
    spdlog::shutdown();
    std::_Exit(static_cast<int>(code));
}

/// How waiting for a daemon has ended.
enum class StartEnd {
    reported, ///< ready or failed
    died,     ///< without such a report
    timed_out,
    interrupted, ///< by the user
};
struct StartResult {
    StartEnd end = StartEnd::timed_out;
    StartReport last{.code = ExitCode::timed_out, .text = "the daemon"};
};

/// Takes the reports out of `received`. True when one of them ends the wait.
bool take_reports(std::string& received, StartReport& last)
{
    for (;;) {
        const auto end = received.find('\n');
        if (end == std::string::npos) return false;
        const auto report = StartReport::parse(std::string_view{received}.substr(0, end));
        received.erase(0, end + 1);
        if (!report) continue;
        last = *report;
        if (last.kind != StartReport::Kind::progress) return true;
    }
}

StartResult await_start(int reports, int signals, TimePoint deadline)
{
    StartResult result;
    std::string received;
    for (;;) {
        std::array watched{pollfd{reports, POLLIN, 0}, pollfd{signals, POLLIN, 0}};
        const auto rest = std::chrono::ceil<std::chrono::milliseconds>(deadline - Clock::now());
        if (rest <= 0ms) return result;
        if (::poll(watched.data(), watched.size(), static_cast<int>(rest.count())) < 0) continue;
        if (watched[1].revents != 0) {
            // Taken, so that it does not end us when it is no longer blocked.
            signalfd_siginfo taken{};
            [[maybe_unused]] const auto got = ::read(signals, &taken, sizeof taken);
            result.end = StartEnd::interrupted;
            return result;
        }
        if (watched[0].revents == 0) continue;
        std::array<char, 4096> chunk{};
        const auto got = ::read(reports, chunk.data(), chunk.size());
        if (got < 0 && errno == EINTR) continue;
        received.append(chunk.data(), static_cast<std::size_t>(std::max<ssize_t>(got, 0)));
        const bool reported = take_reports(received, result.last);
        if (!reported && got > 0) continue;
        result.end = reported ? StartEnd::reported : StartEnd::died;
        return result;
    }
}

/// A child process of ours, waited for once.
class Child {
public:
    explicit Child(pid_t pid) noexcept : pid_(pid) {}

    /// Its status as wait(2) tells, if it has ended by then.
    std::optional<int> wait(Duration patience)
    {
        int status = 0;
        const bool ended = wait_until(Clock::now() + patience,
                                      [&] { return ::waitpid(pid_, &status, WNOHANG) != 0; });
        return ended ? std::optional{status} : std::nullopt;
    }
    /// Asks it to end, and sees to it.
    void end(Duration patience)
    {
        ::kill(pid_, SIGTERM);
        if (wait(patience)) return;
        ::kill(pid_, SIGKILL);
        while (::waitpid(pid_, nullptr, 0) < 0 && errno == EINTR) {
        }
    }

private:
    pid_t pid_;
};

std::string text_of(int wait_status)
{
    if (WIFSIGNALED(wait_status)) return "by signal " + std::to_string(WTERMSIG(wait_status));
    return "with exit status " + std::to_string(WEXITSTATUS(wait_status));
}

/// The error that a start ends with; the daemon is ended where it still lives.
Error conclude(const StartResult& result, Child& child, StartPatience patience,
               const Instance& instance)
{
    const std::string log = "see its log " + instance.settings().background_log().native();
    const auto plain = [](std::errc code, std::string what, std::string hint) {
        return Error{std::make_error_code(code), std::move(what), std::move(hint)};
    };
    switch (result.end) {
    case StartEnd::reported:
        if (!child.wait(stop_timeout)) child.end(patience.end);
        return plain(std::errc::operation_canceled, result.last.text, result.last.hint);
    case StartEnd::died: {
        const auto status = child.wait(stop_timeout);
        const std::string how = status ? text_of(*status) : "without a word";
        if (status == 0) // as after SIGTERM: it has ended as it should
            return plain(std::errc::operation_canceled,
                         "the daemon was stopped before it was ready", log);
        return plain(std::errc::no_such_process, "the daemon ended " + how + " before it was ready",
                     log);
    }
    case StartEnd::timed_out: {
        child.end(patience.end);
        const auto seconds =
            std::chrono::duration_cast<std::chrono::seconds>(patience.ready).count();
        return plain(std::errc::timed_out,
                     "not ready after " + std::to_string(seconds) + " s: waited for " +
                         result.last.text,
                     log);
    }
    case StartEnd::interrupted:
        child.end(patience.end);
        return plain(std::errc::interrupted, "interrupted before the daemon was ready", {});
    }
    return {};
}

/// How waiting for a daemon that holds the lock has ended.
struct OtherDaemon {
    std::optional<InstanceLock> lock{}; ///< it has ended, and the lock is ours
    std::optional<std::string> state{}; ///< what it has told last; none: it does not answer
    [[nodiscard]] bool is_up() const { return state == "up" || state == "degraded"; }
};

/// The state that a daemon tells of itself; none when it does not answer in time.
std::optional<std::string> told_state(const DaemonSettings& settings, TimePoint deadline)
{
    constexpr Duration least = 100ms; // so that one that is up is heard at the deadline too
    const auto patience = std::clamp<Duration>(deadline - Clock::now(), least, request_timeout);
    const auto reply = control_request(settings.control_socket, {{"request", "status"}}, patience);
    if (!reply || !reply->contains("status")) return std::nullopt;
    const auto& status = reply->at("status");
    const bool tells = status.contains("state") && status.at("state").is_string();
    return tells ? std::optional{status.at("state").get<std::string>()} : std::nullopt;
}

/// Waits until the instance lock is ours, or the daemon that holds it is up.
Result<OtherDaemon> take_lock_or_await(const DaemonSettings& settings, TimePoint deadline)
{
    constexpr auto period = 100ms;
    for (;;) {
        auto lock = InstanceLock::take(settings);
        if (!lock) return fail(lock.error());
        if (*lock) return OtherDaemon{.lock = std::move(*lock)};
        OtherDaemon other{.state = told_state(settings, deadline)};
        if (other.is_up() || Clock::now() >= deadline) return other;
        std::this_thread::sleep_for(std::min<Duration>(period, deadline - Clock::now()));
    }
}

/// Tells of the daemon that runs already.
ExitCode already_running(const OtherDaemon& other, const DaemonSettings& settings,
                         const Console& console)
{
    if (other.is_up()) {
        console.out << "already running: " << *other.state << '\n';
        return ExitCode::ok;
    }
    const std::string what = other.state
                                 ? "but its state is still '" + *other.state + "'"
                                 : "but does not answer on " + settings.control_socket.native();
    return console.fail(ExitCode::timed_out,
                        {std::make_error_code(std::errc::timed_out), "already running, " + what,
                         "see its log " + settings.background_log().native()});
}

} // namespace

ExitCode start_daemon(Instance& instance, StartPatience patience, const Console& console)
{
    const auto deadline = Clock::now() + patience.ready;
    const auto other = take_lock_or_await(instance.settings(), deadline);
    if (!other) return console.fail(other.error());
    if (!other->lock) return already_running(*other, instance.settings(), console);

    std::array<int, 2> ends{};
    if (::pipe2(ends.data(), O_CLOEXEC) < 0)
        return console.fail(ExitCode::failure, fail_errno("pipe2", "").value());
    Fd reports{ends[0]};
    Fd to_parent{ends[1]};
    console.out.flush();
    console.err.flush();
    CaughtSignals signals;
    const pid_t pid = ::fork();
    if (pid < 0) return console.fail(ExitCode::failure, fail_errno("fork", "").value());
    if (pid == 0) {
        signals.restore();
        reports.reset();
        become_daemon(instance, *other->lock, std::move(to_parent));
    }
    to_parent.reset(); // so that the pipe ends with the child

    Child child{pid};
    const auto result = await_start(reports.get(), signals.fd(), deadline);
    const bool reported = result.end == StartEnd::reported;
    if (reported && result.last.kind == StartReport::Kind::ready) {
        console.out << "started (pid " << pid << ")\n";
        return ExitCode::ok;
    }
    const auto error = conclude(result, child, patience, instance);
    if (const auto cleaned = clean_up_after_crash(instance); !cleaned)
        console.fail(ExitCode::failure, cleaned.error());
    const bool died = result.end == StartEnd::died || result.end == StartEnd::interrupted;
    return console.fail(died ? ExitCode::failure : result.last.code, error);
}

} // namespace braid
