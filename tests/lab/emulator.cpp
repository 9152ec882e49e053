#include "tests/lab/emulator.hpp"

#include <algorithm>
#include <cerrno>
#include <csignal>
#include <fstream>
#include <iterator>
#include <optional>
#include <stdexcept>
#include <utility>

#include <sys/epoll.h>
#include <sys/signalfd.h>
#include <sys/syscall.h>
#include <sys/timerfd.h>
#include <unistd.h>

namespace braid::lab {
namespace {

constexpr std::size_t ethernet_header_bytes = 14;

/// Frames read in a row before the due ones are written, so that input cannot delay output.
constexpr int read_batch = 64;

/// Every held packet of both directions, and the one being read.
constexpr std::uint32_t pool_slots = 2 * LinkDirection::max_packets + 1;

TimePoint clock_now()
{
    return std::chrono::steady_clock::now();
}

Fd open_signals()
{
    sigset_t set;
    sigemptyset(&set);
    for (const int number : {SIGTERM, SIGINT, SIGHUP}) sigaddset(&set, number);
    if (::sigprocmask(SIG_BLOCK, &set, nullptr) < 0) throw_errno("sigprocmask");
    return checked_fd(::signalfd(-1, &set, SFD_CLOEXEC | SFD_NONBLOCK), "signalfd");
}

/// A pidfd and not PR_SET_PDEATHSIG, which fires when the parent's *thread* ends.
Fd open_parent(int pid)
{
    return checked_fd(static_cast<int>(::syscall(SYS_pidfd_open, pid, 0)), "pidfd_open parent");
}

std::optional<std::string> read_file(const std::string& path)
{
    std::ifstream file{path};
    if (!file) return std::nullopt;
    return std::string{std::istreambuf_iterator<char>{file}, {}};
}

/// Splits off the first word.
std::string_view take_word(std::string_view& text)
{
    const auto word = text.substr(0, text.find(' '));
    text.remove_prefix(std::min(text.size(), word.size() + 1));
    return word;
}

std::string json_number(std::string_view key, std::uint64_t value)
{
    return std::string{"\""}.append(key).append("\":").append(std::to_string(value));
}

std::uint64_t in_us(Duration time)
{
    return static_cast<std::uint64_t>(
        std::chrono::duration_cast<std::chrono::microseconds>(time).count());
}

/// The members of a JSON object, without braces.
std::string describe_link(const LinkDirection& link)
{
    const auto& set = link.settings();
    const auto& count = link.counters();
    return json_number("rate_bps", set.rate_bps) + "," + //
           json_number("delay_us", in_us(set.delay)) + "," +
           json_number("jitter_us", in_us(set.jitter)) + "," +
           "\"loss_percent\":" + std::to_string(set.loss_percent) + "," +
           "\"burst\":" + std::to_string(set.burst_packets) + "," +
           json_number("queue_limit_bytes", link.queue_limit()) + "," +
           "\"blackhole\":" + (set.blackhole == Blackhole::on ? "true" : "false") + "," +
           "\"stall\":" + (set.stall == Stall::on ? "true" : "false") + "," +
           "\"trace\":" + (set.trace_path.empty() ? "false" : "true") + "," +
           json_number("packets", count.packets) + "," + //
           json_number("bytes", count.bytes) + "," +
           json_number("dropped_queue", count.dropped_queue) + "," +
           json_number("dropped_loss", count.dropped_loss) + "," +
           json_number("dropped_blackhole", count.dropped_blackhole) + "," +
           json_number("queue_bytes", link.queue_bytes());
}

} // namespace

Emulator::Emulator(const EmulatorOptions& options)
    : seed_(options.seed),
      a_(options.a),
      b_(options.b),
      pool_(pool_slots),
      lanes_{Lane{"up", a_, b_, LinkDirection{options.seed}, 0},
             Lane{"down", b_, a_, LinkDirection{options.seed + 1}, 0}},
      epoll_(checked_fd(::epoll_create1(EPOLL_CLOEXEC), "epoll_create1")),
      timer_(checked_fd(::timerfd_create(CLOCK_MONOTONIC, TFD_NONBLOCK | TFD_CLOEXEC), "timerfd")),
      signals_(open_signals()),
      parent_(open_parent(options.parent_pid)),
      control_(options.control_path, [this](std::string_view request) { return handle(request); })
{
    for (const int fd :
         {a_.fd(), b_.fd(), timer_.get(), signals_.get(), parent_.get(), control_.fd()})
        watch(fd);
    for (auto& lane : lanes_) {
        const auto& words = lane.name == "up" ? options.up : options.down;
        if (const auto problem = configure(lane, words); !problem.empty())
            throw std::invalid_argument{problem};
    }
}

void Emulator::watch(int fd)
{
    epoll_event event{};
    event.events = EPOLLIN;
    event.data.fd = fd;
    if (::epoll_ctl(epoll_.get(), EPOLL_CTL_ADD, fd, &event) < 0) throw_errno("epoll_ctl");
}

void Emulator::run()
{
    while (true) {
        std::array<epoll_event, 8> events;
        const int ready = ::epoll_wait(epoll_.get(), events.data(), events.size(), -1);
        if (ready < 0 && errno != EINTR) throw_errno("epoll_wait");
        const auto now = clock_now();
        for (int i = 0; i < ready; ++i) {
            const int fd = events[static_cast<std::size_t>(i)].data.fd;
            if (fd == signals_.get() || fd == parent_.get()) return;
            if (fd == control_.fd()) control_.serve();
            for (auto& lane : lanes_)
                if (fd == lane.from.fd()) read_frames(lane, now);
        }
        for (auto& lane : lanes_) write_due(lane, now);
        arm_timer(now);
    }
}

void Emulator::read_frames(Lane& lane, TimePoint now)
{
    for (int i = 0; i < read_batch; ++i) {
        const auto slot = pool_.acquire();
        const auto length = lane.from.read(pool_.slot(slot));
        if (!length) return pool_.release(slot);

        const bool usable = *length > ethernet_header_bytes && *length < FramePool::slot_bytes &&
                            lane.from.carrier() == Carrier::on;
        if (!usable) ++lane.dropped_device;
        const auto ip_bytes = static_cast<std::uint32_t>(*length - ethernet_header_bytes);
        if (!usable || !lane.link.offer({.slot = slot, .ip_bytes = ip_bytes}, now))
            pool_.release(slot);
    }
}

void Emulator::write_due(Lane& lane, TimePoint now)
{
    while (const auto departure = lane.link.take_due(now)) {
        const auto& packet = departure->packet;
        const auto frame = pool_.slot(packet.slot).first(packet.ip_bytes + ethernet_header_bytes);
        if (departure->fate == Fate::delivered && !lane.to.write(frame)) ++lane.dropped_device;
        pool_.release(packet.slot);
    }
}

void Emulator::arm_timer(TimePoint now)
{
    // The timer is re-armed in every round, which also clears its expiry: it is never read.
    const auto earliest = now + wake_interval;
    std::optional<TimePoint> due;
    for (const auto& lane : lanes_)
        if (const auto next = lane.link.next_due()) due = std::min(due.value_or(*next), *next);

    itimerspec alarm{}; // zero disarms
    if (due) {
        const auto at = std::max(*due, earliest).time_since_epoch();
        const auto seconds = std::chrono::duration_cast<std::chrono::seconds>(at);
        alarm.it_value.tv_sec = seconds.count();
        alarm.it_value.tv_nsec = (at - seconds).count();
    }
    static_cast<void>(::timerfd_settime(timer_.get(), TFD_TIMER_ABSTIME, &alarm, nullptr));
}

std::string Emulator::handle(std::string_view request)
{
    const auto verb = take_word(request);
    if (verb == "show") return describe();
    if (verb == "set") return handle_set(request);
    if (verb == "carrier") return handle_carrier(request);
    return "error: unknown request; known: show, set up|down|both KEY=VALUE..., carrier a|b on|off";
}

std::string Emulator::handle_set(std::string_view request)
{
    const auto which = take_word(request);
    bool matched = false;
    for (auto& lane : lanes_) {
        if (which != lane.name && which != "both") continue;
        matched = true;
        if (const auto problem = configure(lane, request); !problem.empty())
            return "error: " + problem;
    }
    return matched ? "ok" : "error: direction: up, down or both";
}

std::string Emulator::handle_carrier(std::string_view request)
{
    const auto side = take_word(request);
    if ((side != "a" && side != "b") || (request != "on" && request != "off"))
        return "error: carrier a|b on|off";
    Tap& tap = side == "a" ? a_ : b_;
    const auto carrier = request == "on" ? Carrier::on : Carrier::off;
    return tap.set_carrier(carrier) ? "ok" : "error: the device refused";
}

std::string Emulator::describe() const
{
    std::string json = "{" + json_number("seed", seed_);
    for (const auto& lane : lanes_) {
        json.append(",\"").append(lane.name).append("\":{").append(describe_link(lane.link));
        json.append(",").append(json_number("dropped_device", lane.dropped_device)).append("}");
    }
    return json + "}";
}

std::string Emulator::configure(Lane& lane, std::string_view words)
{
    auto change = change_settings(lane.link.settings(), words);
    if (!change.problem.empty()) return change.problem;

    std::optional<RateTrace> trace;
    if (const auto& path = change.settings.trace_path; !path.empty()) {
        const auto text = read_file(path);
        if (!text) return "cannot read trace: " + path;
        trace = RateTrace::parse(*text);
        if (!trace) return "malformed trace: " + path;
    }
    lane.link.configure(change.settings, std::move(trace), clock_now());
    return {};
}

} // namespace braid::lab
