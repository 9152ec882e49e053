#include "common/sys/loop.hpp"

#include <algorithm>
#include <cassert>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <netdb.h>
#include <semaphore>
#include <utility>
#include <uv.h>

namespace braid {
namespace {

constexpr Duration longest_wait = std::chrono::hours{24 * 365};

/// These libuv calls fail only for a programmer's error or when the process is out of memory or
/// descriptors at start; neither can be handled by the caller.
void must(int status, const char* call)
{
    if (status == 0) return;
    std::fprintf(stderr, "%s: %s\n", call, ::uv_strerror(status));
    std::abort();
}

/// The handle as the base type that libuv's close and data functions take.
template <typename Raw>
uv_handle_t* base(Raw& raw) noexcept
{
    return reinterpret_cast<uv_handle_t*>(&raw);
}

/// Closes the libuv handle that is the member `raw` of *handle; frees *handle when libuv has let
/// go of it. Until then a running callback keeps its function alive.
template <typename Handle>
void close_handle(Handle* handle) noexcept
{
    ::uv_close(base(handle->raw),
               [](uv_handle_t* closed) { delete static_cast<Handle*>(closed->data); });
}

/// The handle that a libuv callback is about.
template <typename Handle, typename Raw>
Handle& owner_of(Raw* raw) noexcept
{
    return *static_cast<Handle*>(raw->data);
}

std::uint64_t whole_ms(Duration time) noexcept
{
    const auto ms = std::chrono::ceil<std::chrono::milliseconds>(time).count();
    return static_cast<std::uint64_t>(std::max<std::int64_t>(ms, 0));
}

} // namespace

Loop::Loop() : loop_(std::make_unique<uv_loop_s>())
{
    must(::uv_loop_init(loop_.get()), "uv_loop_init");
}

Loop::~Loop()
{
    ::uv_walk(
        loop_.get(),
        []([[maybe_unused]] uv_handle_t* handle, void*) {
            assert(::uv_is_closing(handle) && "a handle owner outlives its loop");
        },
        nullptr);
    // More than one round when stop() was called after the last run: that ends the first.
    while (::uv_run(loop_.get(), UV_RUN_DEFAULT) != 0) {
    }
    [[maybe_unused]] const int status = ::uv_loop_close(loop_.get());
    assert(status == 0);
}

void Loop::run()
{
    ::uv_run(loop_.get(), UV_RUN_DEFAULT);
}

void Loop::stop()
{
    ::uv_stop(loop_.get());
}

struct Timer::Handle {
    uv_timer_t raw{};
    std::function<void()> on_expiry;
};

void Timer::Close::operator()(Handle* handle) const noexcept
{
    close_handle(handle);
}

Timer::Timer(Loop& loop, std::function<void()> on_expiry)
{
    auto handle = std::make_unique<Handle>();
    must(::uv_timer_init(loop.raw(), &handle->raw), "uv_timer_init");
    handle->raw.data = handle.get();
    handle->on_expiry = std::move(on_expiry);
    handle_.reset(handle.release());
}

Timer::~Timer() = default;
Timer::Timer(Timer&&) noexcept = default;
Timer& Timer::operator=(Timer&&) noexcept = default;

void Timer::once(Duration after)
{
    // libuv counts whole milliseconds of a coarse clock: the difference of two ticks would end
    // up to 1 ms early, so the tick is computed that follows the moment wanted.
    uv_timer_t& timer = handle_->raw;
    ::uv_update_time(timer.loop);
    const auto end = Clock::now() + std::clamp(after, Duration::zero(), longest_wait);
    const auto wait_ms = whole_ms(end.time_since_epoch()) - ::uv_now(timer.loop);
    const auto expired = [](uv_timer_t* raw) { owner_of<Handle>(raw).on_expiry(); };
    must(::uv_timer_start(&timer, expired, wait_ms, 0), "uv_timer_start");
}

void Timer::every(Duration period)
{
    uv_timer_t& timer = handle_->raw;
    ::uv_update_time(timer.loop);
    const auto period_ms = std::max<std::uint64_t>(whole_ms(std::min(period, longest_wait)), 1);
    const auto expired = [](uv_timer_t* raw) { owner_of<Handle>(raw).on_expiry(); };
    must(::uv_timer_start(&timer, expired, period_ms, period_ms), "uv_timer_start");
}

void Timer::stop()
{
    ::uv_timer_stop(&handle_->raw);
}

bool Timer::pending() const
{
    return ::uv_is_active(base(handle_->raw)) != 0;
}

struct NextTurn::Handle {
    uv_idle_t raw{};
    std::function<void()> on_turn;
};

void NextTurn::Close::operator()(Handle* handle) const noexcept
{
    close_handle(handle);
}

NextTurn::NextTurn(Loop& loop, std::function<void()> on_turn)
{
    auto handle = std::make_unique<Handle>();
    must(::uv_idle_init(loop.raw(), &handle->raw), "uv_idle_init");
    handle->raw.data = handle.get();
    handle->on_turn = std::move(on_turn);
    handle_.reset(handle.release());
}

NextTurn::~NextTurn() = default;
NextTurn::NextTurn(NextTurn&&) noexcept = default;
NextTurn& NextTurn::operator=(NextTurn&&) noexcept = default;

void NextTurn::want()
{
    const auto run = [](uv_idle_t* raw) {
        ::uv_idle_stop(raw);
        owner_of<Handle>(raw).on_turn();
    };
    must(::uv_idle_start(&handle_->raw, run), "uv_idle_start");
}

void NextTurn::stop()
{
    ::uv_idle_stop(&handle_->raw);
}

bool NextTurn::pending() const
{
    return ::uv_is_active(base(handle_->raw)) != 0;
}

struct FdWatch::Handle {
    uv_poll_t raw{};
    OnReady on_ready;
    Interest interest{};

    void apply()
    {
        const int events =
            (interest.readable ? UV_READABLE : 0) | (interest.writable ? UV_WRITABLE : 0);
        if (events == 0)
            ::uv_poll_stop(&raw);
        else
            must(::uv_poll_start(&raw, events, ready), "uv_poll_start");
    }

    static void ready(uv_poll_t* raw, int status, int events)
    {
        auto& handle = owner_of<Handle>(raw);
        // libuv stops watching after an error. The owner decides whether it is the end.
        if (status < 0) handle.apply();
        const bool error = status < 0;
        handle.on_ready({.readable = error || (events & UV_READABLE) != 0,
                         .writable = error || (events & UV_WRITABLE) != 0});
    }
};

void FdWatch::Close::operator()(Handle* handle) const noexcept
{
    close_handle(handle);
}

FdWatch::FdWatch(Loop& loop, int fd, OnReady on_ready)
{
    auto handle = std::make_unique<Handle>();
    must(::uv_poll_init(loop.raw(), &handle->raw, fd), "uv_poll_init");
    handle->raw.data = handle.get();
    handle->on_ready = std::move(on_ready);
    handle_.reset(handle.release());
}

FdWatch::~FdWatch() = default;
FdWatch::FdWatch(FdWatch&&) noexcept = default;
FdWatch& FdWatch::operator=(FdWatch&&) noexcept = default;

void FdWatch::want(Interest interest)
{
    if (interest == handle_->interest) return;
    handle_->interest = interest;
    handle_->apply();
}

struct SignalWatch::Handle {
    uv_signal_t raw{};
    std::function<void()> on_signal;
};

void SignalWatch::Close::operator()(Handle* handle) const noexcept
{
    close_handle(handle);
}

SignalWatch::SignalWatch(Loop& loop, int signal_number, std::function<void()> on_signal)
{
    auto handle = std::make_unique<Handle>();
    must(::uv_signal_init(loop.raw(), &handle->raw), "uv_signal_init");
    handle->raw.data = handle.get();
    handle->on_signal = std::move(on_signal);
    handle_.reset(handle.release());
    const auto delivered = [](uv_signal_t* raw, int) { owner_of<Handle>(raw).on_signal(); };
    must(::uv_signal_start(&handle_->raw, delivered, signal_number), "uv_signal_start");
}

SignalWatch::~SignalWatch() = default;
SignalWatch::SignalWatch(SignalWatch&&) noexcept = default;
SignalWatch& SignalWatch::operator=(SignalWatch&&) noexcept = default;

struct Resolve::Request {
    uv_getaddrinfo_t raw{};
    Resolve* owner = nullptr; ///< null when it has died
    std::string host;
    OnDone on_done;

    static Error error(int status, const std::string& name)
    {
        const bool unknown = status == UV_EAI_NONAME || status == UV_EAI_NODATA;
        const auto code =
            unknown ? std::errc::address_not_available : std::errc::resource_unavailable_try_again;
        return fail(code, "resolve " + name + ": " + ::uv_strerror(status)).value();
    }

    static Result<std::vector<Address>> addresses(int status, const addrinfo* list,
                                                  const std::string& name)
    {
        if (status < 0) return fail(error(status, name));
        std::vector<Address> found;
        for (; list != nullptr; list = list->ai_next) {
            sockaddr_storage storage{};
            std::memcpy(&storage, list->ai_addr,
                        std::min<std::size_t>(list->ai_addrlen, sizeof storage));
            const auto endpoint = Endpoint::from_sockaddr(storage);
            if (endpoint && std::ranges::find(found, endpoint->address) == found.end())
                found.push_back(endpoint->address);
        }
        if (found.empty()) return fail(error(UV_EAI_NODATA, name));
        return found;
    }

    static void done(uv_getaddrinfo_t* raw, int status, addrinfo* list)
    {
        const std::unique_ptr<Request> request{&owner_of<Request>(raw)};
        const std::unique_ptr<addrinfo, decltype(&::uv_freeaddrinfo)> owned{list,
                                                                            ::uv_freeaddrinfo};
        if (request->owner == nullptr) return;
        request->owner->request_ = nullptr;
        request->on_done(addresses(status, list, request->host));
    }
};

Resolve::Resolve(Loop& loop, const std::string& host, OnDone on_done) : request_(nullptr)
{
    auto request = std::make_unique<Request>();
    request->raw.data = request.get();
    request->owner = this;
    request->host = host;
    addrinfo hints{};
    hints.ai_family = AF_UNSPEC;
    hints.ai_socktype = SOCK_STREAM;
    const int status =
        ::uv_getaddrinfo(loop.raw(), &request->raw, Request::done, host.c_str(), nullptr, &hints);
    if (status == 0) {
        request->on_done = std::move(on_done);
        request_ = request.release();
        return;
    }
    refusal_.emplace(loop, [done = std::move(on_done), error = Request::error(status, host)] {
        done(fail(error));
    });
    refusal_->once(Duration::zero());
}

Resolve::~Resolve()
{
    if (request_ == nullptr) return;
    request_->owner = nullptr;
    request_->on_done = nullptr;
    // When the pool has begun with it this fails, and the callback comes when it has ended.
    ::uv_cancel(reinterpret_cast<uv_req_t*>(&request_->raw));
}

struct PoolTask::Request {
    uv_work_t raw{};
    PoolTask* owner = nullptr; ///< null when it has died
    std::function<Status()> work;
    std::function<void(Status)> on_done;
    Status outcome{};
    std::binary_semaphore ended{0};

    static void run(uv_work_t* raw)
    {
        auto& request = owner_of<Request>(raw);
        request.outcome = request.work();
        request.ended.release();
    }
    static void done(uv_work_t* raw, int)
    {
        const std::unique_ptr<Request> request{&owner_of<Request>(raw)};
        if (request->owner == nullptr) return;
        request->owner->request_ = nullptr;
        request->on_done(std::move(request->outcome));
    }
};

PoolTask::PoolTask(Loop& loop, std::function<Status()> work, std::function<void(Status)> on_done)
    : request_(new Request)
{
    request_->raw.data = request_;
    request_->owner = this;
    request_->work = std::move(work);
    request_->on_done = std::move(on_done);
    must(::uv_queue_work(loop.raw(), &request_->raw, Request::run, Request::done), "uv_queue_work");
}

PoolTask::~PoolTask()
{
    if (request_ == nullptr) return;
    request_->owner = nullptr;
    // When the pool has begun with it this fails.
    if (::uv_cancel(reinterpret_cast<uv_req_t*>(&request_->raw)) != 0) request_->ended.acquire();
}

} // namespace braid
