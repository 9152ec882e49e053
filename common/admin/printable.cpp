#include "common/admin/printable.hpp"

#include <cstddef>

namespace braid {
namespace {

constexpr std::string_view indentation = "  ";

/// Bytes of the control character at the start of the text; 0: there is none.
std::size_t control_size(std::string_view text)
{
    const auto byte = [text](std::size_t i) { return static_cast<unsigned char>(text[i]); };
    if (byte(0) < 0x20 || byte(0) == 0x7f) return 1;
    const bool two = text.size() > 1 && byte(0) == 0xc2 && byte(1) >= 0x80 && byte(1) < 0xa0;
    return two ? 2 : 0;
}

} // namespace

std::string printable(std::string_view text)
{
    std::string shown;
    while (!text.empty()) {
        const auto control = control_size(text);
        shown += control == 0 ? text.front() : '?';
        text.remove_prefix(control == 2 ? 2 : 1);
    }
    return shown;
}

std::string printable_lines(std::string_view text)
{
    std::string shown;
    for (;;) {
        const auto end = text.find('\n');
        shown += printable(text.substr(0, end));
        if (end == std::string_view::npos) return shown;
        shown.append("\n").append(indentation);
        text.remove_prefix(end + 1);
    }
}

} // namespace braid
