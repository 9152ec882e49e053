#include "server/visitor_limit.hpp"

#include <algorithm>
#include <cstdint>

namespace braid {
namespace {

constexpr std::uint8_t ipv6_source_length = 64; ///< what one host has at least (RFC 4291 2.5.1)

/// Of those that `counts`, the oldest of the larger group.
template <typename Counts>
std::optional<std::size_t> oldest(std::span<const VisitorLimit::Visit> present, Counts counts)
{
    struct Group {
        std::size_t size = 0;
        std::optional<std::size_t> oldest;
    };
    Group known;
    Group unknown;
    for (std::size_t position = 0; position < present.size(); ++position) {
        if (!counts(present[position])) continue;
        Group& group = present[position].keys_known ? known : unknown;
        ++group.size;
        if (!group.oldest) group.oldest = position;
    }
    return known.size > unknown.size ? known.oldest : unknown.oldest;
}

} // namespace

Prefix VisitorLimit::source_of(const Address& remote) noexcept
{
    if (remote.family() == Family::v4) return Prefix::host(remote);
    return Prefix{remote, ipv6_source_length}.network();
}

std::optional<std::size_t> VisitorLimit::evicted_for(const Prefix& newcomer,
                                                     std::span<const Visit> present) const
{
    const auto same_source = [&](const Visit& visit) { return visit.source == newcomer; };
    const auto held = static_cast<std::size_t>(std::ranges::count_if(present, same_source));
    if (held >= bounds_.per_source) return oldest(present, same_source);
    if (present.size() >= bounds_.in_all) return oldest(present, [](const Visit&) { return true; });
    return std::nullopt;
}

} // namespace braid
