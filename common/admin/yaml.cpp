#include "common/admin/yaml.hpp"

#include <algorithm>
#include <utility>

namespace braid {
namespace {

std::string_view name_of(YamlKind kind)
{
    switch (kind) {
    case YamlKind::null: return "nothing";
    case YamlKind::scalar: return "a single value";
    case YamlKind::list: return "a list";
    case YamlKind::mapping: return "a mapping";
    }
    return {};
}

} // namespace

struct YamlDocument::Content {
    std::string name;
    YamlTree tree;

    struct Problem {
        YamlPosition position;
        Error error;
    };
    std::optional<Problem> problem{};
    std::optional<Problem> missing{}; ///< told only without another: often a mistyped key
};

YamlNode::YamlNode(YamlDocument& document, std::size_t index, std::string path,
                   YamlPosition position)
    : document_(&document), index_(index), path_(std::move(path)), position_(position)
{
}

const YamlValue& YamlNode::value() const
{
    static const YamlValue none;
    return index_ == absent ? none : document_->content_->tree.values[index_];
}

bool YamlNode::present() const
{
    return value().kind != YamlKind::null;
}

bool YamlNode::is_scalar() const
{
    return value().kind == YamlKind::scalar;
}

bool YamlNode::is_mapping() const
{
    return value().kind == YamlKind::mapping;
}

bool YamlNode::expect(YamlKind kind) const
{
    if (value().kind == kind) return true;
    if (present())
        problem(std::string{"expected "}
                    .append(name_of(kind))
                    .append(", found ")
                    .append(name_of(value().kind)));
    return false;
}

YamlNode YamlNode::fields(std::span<const std::string_view> known) const
{
    if (!expect(YamlKind::mapping)) return *this;
    for (const auto& field : value().fields) {
        if (std::ranges::find(known, field.key) != known.end()) continue;
        child(field).problem("unknown key", suggestion(field.key, known));
        break; // only the first problem is told
    }
    return *this;
}

YamlNode YamlNode::fields(std::initializer_list<std::string_view> known) const
{
    return fields(std::span{known.begin(), known.size()});
}

YamlNode YamlNode::child(const YamlValue::Field& field) const
{
    return {*document_, field.value, path_ + (path_.empty() ? "" : ".") + field.key,
            field.position};
}

YamlNode YamlNode::operator[](std::string_view key) const
{
    const auto& fields = value().fields;
    const auto found = std::ranges::find(fields, key, &YamlValue::Field::key);
    if (found != fields.end()) return child(*found);
    return child({.key = std::string{key}, .position = position_, .value = absent});
}

const YamlNode& YamlNode::required(std::string_view hint) const
{
    auto& missing = document_->content_->missing;
    if (!present() && !missing) missing = {position_, error("missing", hint)};
    return *this;
}

std::vector<YamlNode> YamlNode::items(std::size_t most) const
{
    if (!expect(YamlKind::list)) return {};
    const auto& entries = value().items;
    if (entries.size() > most) {
        problem("more than " + std::to_string(most) + " entries");
        return {};
    }
    std::vector<YamlNode> nodes;
    for (const std::size_t entry : entries) {
        const std::string path = path_ + "[" + std::to_string(nodes.size()) + "]";
        const auto position = document_->content_->tree.values[entry].position;
        nodes.push_back({*document_, entry, path, position});
    }
    return nodes;
}

std::vector<YamlNode> YamlNode::item_or_items(std::size_t most) const
{
    if (is_scalar()) return {*this};
    return items(most);
}

std::optional<std::string> YamlNode::text() const
{
    if (!expect(YamlKind::scalar)) return std::nullopt;
    return value().text;
}

void YamlNode::problem(std::string_view what, std::string_view hint) const
{
    auto& first = document_->content_->problem;
    if (!first || position_ < first->position) first = {position_, error(what, hint)};
}

Error YamlNode::error(std::string_view what, std::string_view hint) const
{
    const std::string keyed = (path_.empty() ? "" : path_ + ": ") + std::string{what};
    return yaml_problem(document_->content_->name, position_, keyed, hint);
}

YamlDocument::YamlDocument(std::unique_ptr<Content> content) noexcept : content_(std::move(content))
{
}
YamlDocument::YamlDocument(YamlDocument&&) noexcept = default;
YamlDocument& YamlDocument::operator=(YamlDocument&&) noexcept = default;
YamlDocument::~YamlDocument() = default;

Result<YamlDocument> YamlDocument::parse(std::string_view text, std::string name)
{
    auto tree = parse_yaml_tree(text, name);
    if (!tree) return fail(std::move(tree.error()));
    return YamlDocument{
        std::make_unique<Content>(Content{.name = std::move(name), .tree = std::move(*tree)})};
}

YamlNode YamlDocument::root()
{
    return {*this, content_->tree.root, "", {}};
}

Status YamlDocument::result() const
{
    if (content_->problem) return fail(content_->problem->error);
    if (content_->missing) return fail(content_->missing->error);
    return {};
}

Result<bool> parse_boolean(const std::string& text)
{
    if (text == "true") return true;
    if (text == "false") return false;
    return fail(std::errc::invalid_argument, "'" + text + "' is not true or false");
}

Result<std::string> parse_text(const std::string& text)
{
    return text;
}

} // namespace braid
