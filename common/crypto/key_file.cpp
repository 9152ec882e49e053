#include "common/crypto/key_file.hpp"

#include <cerrno>
#include <cstddef>
#include <fcntl.h>
#include <string>
#include <string_view>
#include <sys/stat.h>
#include <unistd.h>
#include <utility>

namespace braid {

namespace {

constexpr mode_t beyond_owner = S_IRWXG | S_IRWXO;

/// Owner of a descriptor that lives within one function here (common/sys is out of reach).
class File {
public:
    explicit File(int fd) noexcept : fd_(fd) {}
    File(const File&) = delete;
    File& operator=(const File&) = delete;
    ~File()
    {
        if (fd_ >= 0) ::close(fd_);
    }
    [[nodiscard]] int get() const noexcept { return fd_; }
    explicit operator bool() const noexcept { return fd_ >= 0; }

private:
    int fd_;
};

/// One byte more than a key file may have, so that a longer one is seen.
using FileText = Secret<key_text_size + 2>;

[[nodiscard]] Status check_private(const File& file, const std::filesystem::path& path)
{
    struct stat about {};
    if (::fstat(file.get(), &about) < 0) return fail_errno("stat", path.native());
    if (!S_ISREG(about.st_mode))
        return fail(std::errc::invalid_argument, path.native() + ": not a regular file");
    if ((about.st_mode & beyond_owner) != 0)
        return fail(std::errc::permission_denied,
                    path.native() + ": key file is open to group or others",
                    "chmod 600 " + path.native());
    return {};
}

[[nodiscard]] Result<std::size_t> read_all(const File& file, MutBytes out, std::string_view path)
{
    std::size_t used = 0;
    while (used < out.size()) {
        const auto got = ::read(file.get(), out.data() + used, out.size() - used);
        if (got < 0 && errno == EINTR) continue;
        if (got < 0) return fail_errno("read", path);
        if (got == 0) break;
        used += static_cast<std::size_t>(got);
    }
    return used;
}

[[nodiscard]] Status write_all(const File& file, Bytes from, std::string_view path)
{
    while (!from.empty()) {
        const auto put = ::write(file.get(), from.data(), from.size());
        if (put < 0 && errno == EINTR) continue;
        if (put < 0) return fail_errno("write", path);
        from = from.subspan(static_cast<std::size_t>(put));
    }
    if (::fsync(file.get()) < 0) return fail_errno("fsync", path);
    return {};
}

template <typename Key>
[[nodiscard]] Result<Key> load(const std::filesystem::path& path)
{
    // Non-blocking, so that a FIFO in the place of the file cannot hang the program.
    const File file{::open(path.c_str(), O_RDONLY | O_CLOEXEC | O_NONBLOCK | O_NOCTTY)};
    if (!file) return fail_errno("open", path.native());
    if (auto status = check_private(file, path); !status) return fail(std::move(status.error()));

    FileText text;
    const auto size = read_all(file, text.mutable_bytes(), path.native());
    if (!size) return fail(size.error());
    auto key = Key::parse({reinterpret_cast<const char*>(text.bytes().data()), *size});
    if (!key) return fail(std::move(key.error()), path.native());
    return key;
}

[[nodiscard]] Status create(const std::filesystem::path& path, const KeyText& text)
{
    const File file{::open(path.c_str(), O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0600)};
    if (!file) return fail_errno("create", path.native());

    Secret<key_text_size + 1> line;
    WireWriter writer{line.mutable_bytes()};
    writer.bytes(text.bytes());
    writer.u8('\n');
    auto status = write_all(file, writer.written(), path.native());
    if (!status) ::unlink(path.c_str());
    return status;
}

} // namespace

Result<PrivateKey> load_private_key(const std::filesystem::path& path)
{
    return load<PrivateKey>(path);
}

Result<PresharedKey> load_preshared_key(const std::filesystem::path& path)
{
    return load<PresharedKey>(path);
}

Status write_private_key(const std::filesystem::path& path, const PrivateKey& key)
{
    return create(path, key.text());
}

Status write_preshared_key(const std::filesystem::path& path, const PresharedKey& key)
{
    return create(path, key.text());
}

} // namespace braid
