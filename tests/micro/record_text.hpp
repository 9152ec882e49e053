/// The plaintext of records as they are on a busy lane.
#pragma once

#include "common/base/bytes.hpp"
#include "common/wire/frame.hpp"

#include <algorithm>
#include <cstddef>
#include <vector>

namespace braid::micro {

/// So many packet frames, one behind the other.
[[nodiscard]] inline std::vector<std::byte> frames(std::size_t count, std::size_t packet_size)
{
    const auto header = packet_frame_header({}, narrow<std::uint16_t>(packet_size));
    std::vector<std::byte> text(count * (header.size() + packet_size));
    for (std::size_t i = 0; i < count; ++i)
        std::ranges::copy(header, text.begin() + narrow<std::ptrdiff_t>(i * (text.size() / count)));
    return text;
}

} // namespace braid::micro
