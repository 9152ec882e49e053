#include "common/sys/wakeup.hpp"

#include <cstdio>
#include <cstdlib>
#include <utility>
#include <uv.h>

namespace braid {
namespace {

/// As in loop.cpp: these fail for a programmer's error, or without descriptors at start.
void must(int status, const char* call) noexcept
{
    if (status == 0) return;
    std::fprintf(stderr, "%s: %s\n", call, ::uv_strerror(status));
    std::abort();
}

} // namespace

struct Wakeup::Handle {
    uv_async_t raw{};
    std::function<void()> on_wake;
};

void Wakeup::Close::operator()(Handle* handle) const noexcept
{
    ::uv_close(reinterpret_cast<uv_handle_t*>(&handle->raw),
               [](uv_handle_t* closed) { delete static_cast<Handle*>(closed->data); });
}

Wakeup::Wakeup(Loop& loop, std::function<void()> on_wake)
{
    auto handle = std::make_unique<Handle>();
    const auto woken = [](uv_async_t* raw) { static_cast<Handle*>(raw->data)->on_wake(); };
    must(::uv_async_init(loop.raw(), &handle->raw, woken), "uv_async_init");
    handle->raw.data = handle.get();
    handle->on_wake = std::move(on_wake);
    handle_.reset(handle.release());
}

void Wakeup::wake() noexcept
{
    must(::uv_async_send(&handle_->raw), "uv_async_send");
}

} // namespace braid
