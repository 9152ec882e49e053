#include "common/admin/yaml_tree.hpp"

#include "common/admin/printable.hpp"

#include <algorithm>
#include <cassert>
#include <functional>
#include <map>
#include <optional>
#include <sstream>
#include <utility>

#include <yaml-cpp/eventhandler.h>
#include <yaml-cpp/exceptions.h>
#include <yaml-cpp/parser.h>

namespace braid {
namespace {

constexpr std::size_t longest_problem = 300; ///< bytes of an error text

YamlPosition position_of(const YAML::Mark& mark)
{
    if (mark.is_null()) return {};
    return {mark.line + 1, mark.column + 1};
}

/// One line of bounded length, whatever the config had in its strings.
std::string bounded(std::string_view raw)
{
    const auto text = printable(raw.substr(0, longest_problem));
    return raw.size() > longest_problem ? text + "..." : text;
}

/// Builds the values from yaml-cpp's events; yaml-cpp's own tree would take duplicate keys
/// silently. Refusals are thrown as yaml-cpp throws its own.
class TreeBuilder final : public YAML::EventHandler {
public:
    YamlTree take() { return std::move(tree_); }

    void OnDocumentStart(const YAML::Mark&) override {}
    void OnDocumentEnd() override {}

    void OnNull(const YAML::Mark& mark, YAML::anchor_t anchor) override
    {
        refuse_as_key(mark);
        attach(add(mark, anchor, YamlKind::null));
    }
    void OnAlias(const YAML::Mark& mark, YAML::anchor_t anchor) override
    {
        refuse_as_key(mark);
        count(mark);
        // yaml-cpp has refused unknown names, but takes an anchor on a key as known.
        const auto named = anchors_.find(anchor);
        if (named == anchors_.end())
            throw YAML::ParserException(mark, "an alias of a key is not supported");
        attach(named->second);
    }
    void OnScalar(const YAML::Mark& mark, const std::string& tag, YAML::anchor_t anchor,
                  const std::string& text) override
    {
        refuse_tag(mark, tag);
        if (expects_key()) return take_key(mark, text);
        const auto index = add(mark, anchor, YamlKind::scalar);
        tree_.values[index].text = text;
        attach(index);
    }
    void OnSequenceStart(const YAML::Mark& mark, const std::string& tag, YAML::anchor_t anchor,
                         YAML::EmitterStyle::value) override
    {
        refuse_tag(mark, tag);
        open(mark, anchor, YamlKind::list);
    }
    void OnSequenceEnd() override { close(); }
    void OnMapStart(const YAML::Mark& mark, const std::string& tag, YAML::anchor_t anchor,
                    YAML::EmitterStyle::value) override
    {
        refuse_tag(mark, tag);
        open(mark, anchor, YamlKind::mapping);
    }
    void OnMapEnd() override { close(); }

private:
    /// A list or mapping whose end has not been seen.
    struct Open {
        std::size_t index = 0;
        std::optional<YamlValue::Field> field{}; ///< its key has been seen, its value has not
        std::map<std::string, int> lines{};      ///< of the keys so far
    };

    bool expects_key() const
    {
        if (open_.empty() || open_.back().field) return false;
        return tree_.values[open_.back().index].kind == YamlKind::mapping;
    }
    void refuse_as_key(const YAML::Mark& mark) const
    {
        if (expects_key()) throw YAML::ParserException(mark, "a key must be plain text");
    }
    static void refuse_tag(const YAML::Mark& mark, const std::string& tag)
    {
        const bool none = tag.empty() || tag == "?" || tag == "!"; // plain, and quoted text
        if (!none) throw YAML::ParserException(mark, "tags such as !x are not supported");
    }
    void count(const YAML::Mark& mark)
    {
        if (++counted_ > max_yaml_nodes) throw YAML::ParserException(mark, "too many values");
    }

    std::size_t add(const YAML::Mark& mark, YAML::anchor_t anchor, YamlKind kind)
    {
        count(mark);
        const std::size_t index = tree_.values.size();
        tree_.values.push_back({.kind = kind, .position = position_of(mark)});
        if (anchor != 0) anchors_[anchor] = index;
        return index;
    }

    void take_key(const YAML::Mark& mark, const std::string& key)
    {
        count(mark);
        const auto position = position_of(mark);
        const auto [first, fresh] = open_.back().lines.emplace(key, position.line);
        if (!fresh)
            throw YAML::ParserException(mark, path_to(key) + ": duplicate key, first in line " +
                                                  std::to_string(first->second));
        open_.back().field = YamlValue::Field{.key = key, .position = position};
    }

    void open(const YAML::Mark& mark, YAML::anchor_t anchor, YamlKind kind)
    {
        refuse_as_key(mark);
        if (open_.size() >= static_cast<std::size_t>(max_yaml_depth))
            throw YAML::ParserException(mark, "nested deeper than " +
                                                  std::to_string(max_yaml_depth) + " levels");
        open_.push_back({.index = add(mark, anchor, kind)});
    }
    void close()
    {
        const std::size_t index = open_.back().index;
        open_.pop_back();
        attach(index);
    }

    /// Puts a complete value into what contains it.
    void attach(std::size_t index)
    {
        if (open_.empty()) {
            tree_.root = index;
            return;
        }
        Open& parent = open_.back();
        YamlValue& container = tree_.values[parent.index];
        if (container.kind == YamlKind::list) return container.items.push_back(index);
        assert(parent.field); // refuse_as_key() has seen to it
        parent.field->value = index;
        container.fields.push_back(std::move(*parent.field));
        parent.field.reset();
    }

    std::string path_to(const std::string& key) const
    {
        std::string path;
        for (const auto& outer : open_) {
            const auto& value = tree_.values[outer.index];
            if (value.kind == YamlKind::list)
                path.append("[").append(std::to_string(value.items.size())).append("]");
            else if (outer.field)
                path.append(path.empty() ? "" : ".").append(outer.field->key);
        }
        return path.append(path.empty() ? "" : ".").append(key);
    }

    YamlTree tree_;
    std::vector<Open> open_;
    std::map<YAML::anchor_t, std::size_t> anchors_;
    std::size_t counted_ = 0;
};

/// Bytes of the UTF-8 sequence that `text` starts with; 0 when it starts with none, or with a
/// control character that has no place in a config (RFC 3629 section 4).
std::size_t character_size(std::string_view text)
{
    const auto byte = [text](std::size_t i) {
        return i < text.size() ? static_cast<unsigned char>(text[i]) : 0;
    };
    const auto follows = [byte](std::size_t i, int least = 0x80, int most = 0xbf) {
        return byte(i) >= least && byte(i) <= most;
    };
    const int lead = byte(0);
    if (lead < 0x80)
        return (lead >= 0x20 && lead != 0x7f) || lead == '\t' || lead == '\n' || lead == '\r';
    if (lead >= 0xc2 && lead <= 0xdf) return follows(1) ? 2 : 0;
    if (lead >= 0xe0 && lead <= 0xef) {
        const bool second = follows(1, lead == 0xe0 ? 0xa0 : 0x80, lead == 0xed ? 0x9f : 0xbf);
        return second && follows(2) ? 3 : 0;
    }
    if (lead < 0xf0 || lead > 0xf4) return 0;
    const bool second = follows(1, lead == 0xf0 ? 0x90 : 0x80, lead == 0xf4 ? 0x8f : 0xbf);
    return second && follows(2) && follows(3) ? 4 : 0;
}

/// The first place that is no text; none when all is.
std::optional<YamlPosition> first_non_text(std::string_view text)
{
    YamlPosition here;
    while (!text.empty()) {
        const auto size = character_size(text);
        if (size == 0) return here;
        here = text.front() == '\n' ? YamlPosition{here.line + 1, 1}
                                    : YamlPosition{here.line, here.column + 1};
        text.remove_prefix(size);
    }
    return std::nullopt;
}

/// Says what a syntax error often comes from; empty when nothing is obvious.
std::string_view syntax_hint(std::string_view text, YamlPosition position)
{
    for (int line = 1; line < position.line; ++line)
        text.remove_prefix(std::min(text.find('\n'), text.size() - 1) + 1);
    const auto indentation = text.substr(0, text.find_first_not_of(" \t"));
    if (indentation.find('\t') != std::string_view::npos)
        return "indent with spaces: YAML takes no tabs there";
    return {};
}

} // namespace

Error yaml_problem(const std::string& name, YamlPosition position, std::string_view what,
                   std::string_view hint)
{
    const std::string place =
        name + ":" + std::to_string(position.line) + ":" + std::to_string(position.column);
    return {std::make_error_code(std::errc::invalid_argument), place + ": " + bounded(what),
            bounded(hint)};
}

Result<YamlTree> parse_yaml_tree(std::string_view text, const std::string& name)
{
    if (text.size() > max_config_size) return fail(yaml_problem(name, {}, "larger than 1 MiB"));
    if (const auto place = first_non_text(text))
        return fail(yaml_problem(name, *place, "not UTF-8 text"));

    std::istringstream stream{std::string{text}};
    TreeBuilder builder;
    try {
        YAML::Parser parser{stream};
        if (!parser.HandleNextDocument(builder))
            return fail(yaml_problem(name, {}, "the file is empty"));
        TreeBuilder second;
        if (parser.HandleNextDocument(second))
            return fail(yaml_problem(name, {}, "more than one YAML document"));
    } catch (const YAML::Exception& error) {
        const auto position = position_of(error.mark);
        return fail(yaml_problem(name, position, error.msg, syntax_hint(text, position)));
    }
    return builder.take();
}

} // namespace braid
