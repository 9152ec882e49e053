/// The values of a YAML text, each with its position, as YamlDocument reads them.
#pragma once

#include "common/base/result.hpp"

#include <compare>
#include <cstddef>
#include <string>
#include <string_view>
#include <vector>

namespace braid {

constexpr std::size_t max_config_size = std::size_t{1024} * 1024; ///< bytes of a config file
constexpr int max_yaml_depth = 16;            ///< lists and mappings inside each other
constexpr std::size_t max_yaml_nodes = 65536; ///< values and keys of a document

/// Where something stands; line and column count from one.
struct YamlPosition {
    int line = 1;
    int column = 1;
    auto operator<=>(const YamlPosition&) const noexcept = default;
};

enum class YamlKind {
    null,
    scalar,
    list,
    mapping,
};

struct YamlValue {
    struct Field {
        std::string key;
        YamlPosition position; ///< of the key
        std::size_t value = 0;
    };

    YamlKind kind = YamlKind::null;
    YamlPosition position{};
    std::string text{};               ///< of a scalar
    std::vector<std::size_t> items{}; ///< of a list
    std::vector<Field> fields{};      ///< of a mapping; keys differ
};

/// Values refer to each other by position in the vector. An alias refers to the value that its
/// anchor names, so values may be shared, and even contain themselves.
struct YamlTree {
    std::vector<YamlValue> values;
    std::size_t root = 0;
};

/// `name:line:column: problem` in one line of bounded length.
[[nodiscard]] Error yaml_problem(const std::string& name, YamlPosition position,
                                 std::string_view what, std::string_view hint = {});

/// The first and only document of a text. Errors (invalid_argument): not UTF-8, control
/// characters, syntax, empty, more than one document, duplicate keys, keys that are not plain
/// text, tags, too large, too deep, too many values.
[[nodiscard]] Result<YamlTree> parse_yaml_tree(std::string_view text, const std::string& name);

} // namespace braid
