#include "common/admin/settings.hpp"

#include "common/admin/file.hpp"

#include <algorithm>
#include <array>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>
#include <utility>

namespace braid {
namespace {

constexpr std::size_t longest_user_name = 32;      ///< useradd(8)
constexpr std::size_t longest_interface_name = 15; ///< IFNAMSIZ - 1
/// Of sun_path, less its terminating zero.
constexpr std::size_t longest_socket_path = sizeof(sockaddr_un::sun_path) - 1;

constexpr std::uint32_t most_workers = 16;

Result<std::optional<std::uint32_t>> parse_workers(const std::string& text)
{
    if (text == "auto") return std::nullopt;
    const auto number = integer_within(std::uint32_t{1}, most_workers)(text);
    if (number) return *number;
    return fail(std::errc::invalid_argument, "'" + text + "' is no number of workers",
                "auto, or a number from 1 to " + std::to_string(most_workers));
}

YamlParser<std::filesystem::path> socket_path_from(const ConfigSource& source)
{
    return [parse = path_from(source)](const std::string& text) {
        auto path = parse(text);
        if (path && path->native().size() > longest_socket_path)
            return Result<std::filesystem::path>{fail(
                std::errc::invalid_argument, "longer than " + std::to_string(longest_socket_path) +
                                                 " bytes: " + path->native())};
        return path;
    };
}

} // namespace

std::filesystem::path DaemonSettings::beside_socket(std::string_view suffix) const
{
    auto path = control_socket;
    path += suffix;
    return path;
}

std::filesystem::path DaemonSettings::background_log() const
{
    if (log_file) return *log_file;
    auto path = control_socket;
    if (path.extension() == ".sock") path.replace_extension();
    path += ".log";
    return path;
}

ConfigSource config_source(const std::filesystem::path& file)
{
    return {.name = file.native(), .folder = std::filesystem::absolute(file).parent_path()};
}

Status check_key_owner(const std::filesystem::path& file)
{
    struct stat about {};
    if (::stat(file.c_str(), &about) < 0) return fail_errno("stat", file.native());
    if (about.st_uid == 0 || about.st_uid == ::geteuid()) return {};
    return fail(std::errc::permission_denied, file.native() + ": belongs to another user",
                "chown root " + file.native());
}

void read_daemon_settings(const YamlNode& root, const ConfigSource& source,
                          DaemonSettings& settings)
{
    std::string user;
    if (root["user"].read(user, parse_user_name)) settings.user = user;

    root["workers"].read(settings.workers, parse_workers);

    const auto control = root["control"].fields({"socket"});
    control["socket"].read(settings.control_socket, socket_path_from(source));

    const auto log = root["log"].fields({"level", "file"});
    log["level"].read(settings.log_level, parse_log_level);
    std::filesystem::path file;
    if (log["file"].read(file, path_from(source))) settings.log_file = file;
}

Result<DaemonSettings> load_daemon_settings(const std::filesystem::path& file,
                                            DaemonSettings defaults)
{
    const auto text = read_file(file, max_config_size);
    if (!text) return fail(text.error());
    const auto source = config_source(file);
    auto document = YamlDocument::parse(*text, source.name);
    if (!document) return fail(document.error());
    read_daemon_settings(document->root(), source, defaults);
    if (const auto result = document->result(); !result) return fail(result.error());
    return defaults;
}

YamlParser<std::filesystem::path> path_from(const ConfigSource& source)
{
    return [folder = source.folder](const std::string& text) -> Result<std::filesystem::path> {
        if (text.empty()) return fail(std::errc::invalid_argument, "the path is empty");
        return (folder / text).lexically_normal();
    };
}

YamlParser<std::filesystem::path> key_file_from(const ConfigSource& source, KeyFileCheck check)
{
    return [parse = path_from(source),
            check = std::move(check)](const std::string& text) -> Result<std::filesystem::path> {
        auto path = parse(text);
        if (!path) return path;
        const auto checked = check(*path);
        if (checked) return path;
        Error error = checked.error();
        if (error.code == std::errc::permission_denied && error.hint.empty())
            error.hint = "run it as root";
        return fail(std::move(error));
    };
}

Result<std::string> parse_user_name(const std::string& text)
{
    const auto refused = [](unsigned char c) {
        return c <= ' ' || c == ':' || c == '/' || c > '~';
    };
    if (text.empty() || text.size() > longest_user_name || text.starts_with('-') ||
        std::ranges::any_of(text, refused))
        return fail(std::errc::invalid_argument, "'" + text + "' is not the name of a user");
    return text;
}

Result<std::string> parse_interface_name(const std::string& text)
{
    const auto refused = [](unsigned char c) {
        return c <= ' ' || c == '/' || c == ':' || c == '%' || c == 0x7f;
    };
    const bool reserved = text == "." || text == "..";
    if (text.empty() || text.size() > longest_interface_name || reserved ||
        std::ranges::any_of(text, refused))
        return fail(std::errc::invalid_argument, "'" + text + "' is not an interface name",
                    "1 to 15 bytes without space, '/', ':' or '%'");
    return text;
}

Result<std::string> parse_tun_name(const std::string& text)
{
    constexpr std::array<std::string_view, 5> reserved{"lo", "all", "default", ".", ".."};
    const auto allowed = [](unsigned char c) {
        return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') ||
               c == '-' || c == '_' || c == '.';
    };
    if (text.empty() || text.size() > longest_interface_name || !std::ranges::all_of(text, allowed))
        return fail(std::errc::invalid_argument, "'" + text + "' is not a name for a TUN",
                    "1 to 15 of letters, digits, '-', '_' and '.'");
    if (std::ranges::find(reserved, text) != reserved.end())
        return fail(std::errc::invalid_argument, "'" + text + "' has a meaning of its own",
                    "choose another name, for example braid0");
    return text;
}

} // namespace braid
