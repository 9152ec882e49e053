/// Typed reading of YAML configs, where every problem is told as
/// `file:line:column: key: problem` with a hint.
///
/// Problems stick, as in WireReader: a reader names its keys, reads them into a struct that
/// holds the defaults, and asks once at the end for the document's first problem.
#pragma once

#include "common/admin/suggest.hpp"
#include "common/admin/yaml_tree.hpp"
#include "common/base/result.hpp"

#include <array>
#include <charconv>
#include <cstddef>
#include <functional>
#include <initializer_list>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <type_traits>
#include <utility>
#include <vector>

namespace braid {

/// Makes a value of a scalar's text. The error's text becomes the problem.
template <typename T>
using YamlParser = std::function<Result<T>(const std::string&)>;

class YamlDocument;

/// One value of a document, possibly absent. Borrows the document.
class YamlNode {
public:
    /// False for a key that is not there, and for one without a value.
    [[nodiscard]] bool present() const;
    [[nodiscard]] bool is_scalar() const;
    [[nodiscard]] bool is_mapping() const;

    /// Says that this is a mapping with no other keys than these. Unknown keys, and anything
    /// but a mapping, are problems. Yields this node.
    YamlNode fields(std::span<const std::string_view> known) const;
    YamlNode fields(std::initializer_list<std::string_view> known) const;
    /// The value of a key of this mapping; absent where this is no mapping or lacks the key.
    [[nodiscard]] YamlNode operator[](std::string_view key) const;
    /// Says that this must be present; `hint` tells what to write. Yields this node.
    const YamlNode& required(std::string_view hint) const;

    /// The entries of a list of at most `most`. Anything but a list is a problem.
    [[nodiscard]] std::vector<YamlNode> items(std::size_t most) const;
    /// As items(), but a lone value is a list of one.
    [[nodiscard]] std::vector<YamlNode> item_or_items(std::size_t most) const;
    /// The text of a scalar; none, and a problem, where this is a list or a mapping; none
    /// where absent.
    [[nodiscard]] std::optional<std::string> text() const;

    /// Parses the scalar into `value`; an absent one leaves it. Yields true when it was set.
    template <typename T>
    bool read(T& value, const YamlParser<std::type_identity_t<T>>& parse) const
    {
        const auto scalar = text();
        if (!scalar) return false;
        auto parsed = parse(*scalar);
        if (!parsed) {
            problem(parsed.error().text(), parsed.error().hint);
            return false;
        }
        value = std::move(*parsed);
        return true;
    }

    /// Reports a problem with this value.
    void problem(std::string_view what, std::string_view hint = {}) const;

    [[nodiscard]] const std::string& path() const noexcept { return path_; }
    [[nodiscard]] YamlPosition position() const noexcept { return position_; }

private:
    friend class YamlDocument;
    static constexpr std::size_t absent = static_cast<std::size_t>(-1);
    YamlNode(YamlDocument& document, std::size_t index, std::string path, YamlPosition position);
    [[nodiscard]] const YamlValue& value() const;
    [[nodiscard]] YamlNode child(const YamlValue::Field& field) const;
    [[nodiscard]] bool expect(YamlKind kind) const;
    [[nodiscard]] Error error(std::string_view what, std::string_view hint) const;

    YamlDocument* document_;
    std::size_t index_;     ///< into the document's values, or absent
    std::string path_;      ///< "uplinks[1].priority"; empty for the root
    YamlPosition position_; ///< of its key, else of itself, else of what should contain it
};

/// A parsed YAML text and the problems that its reader found.
class YamlDocument {
public:
    /// `name` is the file's name in error texts. Errors: as parse_yaml_tree().
    [[nodiscard]] static Result<YamlDocument> parse(std::string_view text, std::string name);
    YamlDocument(YamlDocument&&) noexcept;
    YamlDocument& operator=(YamlDocument&&) noexcept;
    ~YamlDocument();

    /// The document must not move while its nodes are in use.
    [[nodiscard]] YamlNode root();
    /// The problem that stands first in the text, else what is missing, if there is any.
    [[nodiscard]] Status result() const;

private:
    friend class YamlNode;
    struct Content;
    explicit YamlDocument(std::unique_ptr<Content> content) noexcept;
    std::unique_ptr<Content> content_;
};

/// "true" or "false".
[[nodiscard]] Result<bool> parse_boolean(const std::string& text);
/// The text as it is.
[[nodiscard]] Result<std::string> parse_text(const std::string& text);

/// A whole number within bounds.
template <typename T>
[[nodiscard]] YamlParser<T> integer_within(T least, T most)
{
    return [=](const std::string& text) -> Result<T> {
        T value{};
        const char* const end = text.data() + text.size();
        const auto [rest, error] = std::from_chars(text.data(), end, value);
        if (error == std::errc{} && rest == end && value >= least && value <= most) return value;
        return fail(std::errc::invalid_argument, "'" + text + "' is not a number from " +
                                                     std::to_string(least) + " to " +
                                                     std::to_string(most));
    };
}

/// A word and what it stands for.
template <typename T>
struct Choice {
    std::string_view name;
    T value;
};

/// One of a few words. The table must outlive the parser (a constant).
template <typename T, std::size_t N>
[[nodiscard]] YamlParser<T> one_of(const std::array<Choice<T>, N>& choices)
{
    return [&choices](const std::string& text) -> Result<T> {
        std::vector<std::string_view> names;
        for (const auto& choice : choices) {
            if (choice.name == text) return choice.value;
            names.push_back(choice.name);
        }
        return fail(std::errc::invalid_argument, "'" + text + "' is not known",
                    suggestion(text, names));
    };
}

} // namespace braid
