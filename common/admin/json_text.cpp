#include "common/admin/json_text.hpp"

namespace braid {

Result<nlohmann::json> parse_json(std::string_view text)
{
    bool too_deep = false;
    const auto within_depth = [&](int depth, nlohmann::json::parse_event_t, nlohmann::json&) {
        too_deep = too_deep || depth > max_json_depth;
        return !too_deep;
    };
    auto value = nlohmann::json::parse(text, within_depth, false);
    if (too_deep) return fail(std::errc::invalid_argument, "too deep");
    if (value.is_discarded()) return fail(std::errc::invalid_argument, "not JSON");
    return value;
}

} // namespace braid
