#include "common/admin/state_file.hpp"

#include "common/admin/file.hpp"
#include "common/admin/json_text.hpp"

#include <cerrno>
#include <sys/stat.h>
#include <unistd.h>
#include <utility>

namespace braid {
namespace {

constexpr int schema = 1;
constexpr std::size_t max_state_size = std::size_t{4} * 1024 * 1024; ///< bytes
constexpr std::size_t max_boot_id_size = 64;                         ///< bytes

/// JSON text whatever bytes the strings have: a journal that cannot be written is worse than
/// one with a replaced character.
std::string dump(const nlohmann::json& state)
{
    return state.dump(2, ' ', false, nlohmann::json::error_handler_t::replace) + "\n";
}

} // namespace

Result<HostIdentity> host_identity()
{
    constexpr const char* boot_file = "/proc/sys/kernel/random/boot_id";
    constexpr const char* namespace_file = "/proc/self/ns/net";
    const auto boot = read_file(boot_file, max_boot_id_size);
    if (!boot) return fail(boot.error());
    struct stat about {};
    if (::stat(namespace_file, &about) < 0) return fail_errno("stat", namespace_file);
    return HostIdentity{boot->substr(0, boot->find('\n')), about.st_ino};
}

StateFile::StateFile(std::filesystem::path file, HostIdentity host)
    : file_(std::move(file)), host_(std::move(host))
{
}

Result<StateFile> StateFile::create(std::filesystem::path file, HostIdentity host)
{
    StateFile state{std::move(file), std::move(host)};
    if (const auto written = state.write(); !written) return fail(written.error());
    return state;
}

Status StateFile::record(nlohmann::json entry)
{
    if (entries_.size() >= max_entries)
        return fail(std::errc::no_buffer_space, file_.native() + ": too many entries");
    entries_.push_back(std::move(entry));
    auto written = write();
    if (!written) entries_.pop_back();
    return written;
}

Status StateFile::clear()
{
    entries_.clear();
    if (::unlink(file_.c_str()) < 0 && errno != ENOENT) return fail_errno("unlink", file_.native());
    return {};
}

Status StateFile::write() const
{
    const nlohmann::json state{{"schema", schema},
                               {"boot_id", host_.boot_id},
                               {"network_namespace", host_.network_namespace},
                               {"entries", entries_}};
    return replace_file(file_, dump(state));
}

Result<std::optional<std::vector<nlohmann::json>>>
load_stale_state(const std::filesystem::path& file, const HostIdentity& host)
{
    using Entries = std::vector<nlohmann::json>;
    const auto text = read_file(file, max_state_size);
    if (!text && text.error().code == std::errc::no_such_file_or_directory) return std::nullopt;
    if (!text) return fail(text.error());
    const auto state = parse_json(*text).value_or(nlohmann::json{});
    const auto entries = state.is_object() ? state.value("entries", nlohmann::json::array())
                                           : nlohmann::json::array();
    // A file that makes no sense still tells that somebody died: its marks can be removed.
    if (!state.is_object() || !entries.is_array()) return Entries{};
    const bool ours = state.value("boot_id", nlohmann::json{}) == host.boot_id &&
                      state.value("network_namespace", nlohmann::json{}) == host.network_namespace;
    if (!ours) return std::nullopt;
    return entries.get<Entries>();
}

} // namespace braid
