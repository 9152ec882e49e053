#include "common/admin/state_file.hpp"

#include "common/admin/file.hpp"
#include "common/admin/json_text.hpp"
#include "common/base/log.hpp"

#include <cerrno>
#include <cstdio>
#include <stdlib.h>
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

/// Something is there that no daemon has left.
bool is_no_plain_file(const std::filesystem::path& file)
{
    struct stat about {};
    return ::lstat(file.c_str(), &about) == 0 && !S_ISREG(about.st_mode);
}

/// Not emptied, as it may be as deep as its owner likes.
Status set_folder_aside(const std::filesystem::path& folder)
{
    std::string aside = folder.native() + ".aside-XXXXXX";
    if (::mkdtemp(aside.data()) == nullptr) return fail_errno("mkdtemp", aside);
    if (::rename(folder.c_str(), aside.c_str()) < 0) { // in the place of the new, empty one
        auto failed = fail_errno("rename", folder.native());
        ::rmdir(aside.c_str());
        return failed;
    }
    spdlog::warn("a folder stood in the journal's place path={} now={}", folder.native(), aside);
    return {};
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
    return remove_state(file_);
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
    // A file that makes no sense still tells that somebody died: its marks can be removed.
    if (is_no_plain_file(file)) {
        spdlog::warn("the journal is no plain file: nothing is undone from it path={}",
                     file.native());
        return Entries{};
    }
    const auto text = read_file(file, max_state_size, Links::refuse);
    if (!text && text.error().code == std::errc::no_such_file_or_directory) return std::nullopt;
    if (!text && text.error().code == std::errc::file_too_large) return Entries{};
    if (!text) return fail(text.error());
    const auto state = parse_json(*text).value_or(nlohmann::json{});
    const auto entries = state.is_object() ? state.value("entries", nlohmann::json::array())
                                           : nlohmann::json::array();
    if (!state.is_object() || !entries.is_array()) return Entries{};
    const bool ours = state.value("boot_id", nlohmann::json{}) == host.boot_id &&
                      state.value("network_namespace", nlohmann::json{}) == host.network_namespace;
    if (!ours) return std::nullopt;
    return entries.get<Entries>();
}

Status remove_state(const std::filesystem::path& file)
{
    if (::unlink(file.c_str()) == 0 || errno == ENOENT) return {};
    if (errno == EISDIR) return set_folder_aside(file);
    return fail_errno("unlink", file.native());
}

} // namespace braid
