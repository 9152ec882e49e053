/// Runs a fuzz target over every file of the folders given as arguments, as an ordinary test.
#include <cstdint>
#include <cstdio>
#include <filesystem>
#include <fstream>
#include <iterator>
#include <system_error>
#include <vector>

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size);

namespace {

namespace fs = std::filesystem;

[[nodiscard]] bool replay_file(const fs::path& path)
{
    std::ifstream file{path, std::ios::binary};
    if (!file) {
        std::fprintf(stderr, "error: %s: cannot be read\n", path.c_str());
        return false;
    }
    const std::vector<char> content{std::istreambuf_iterator<char>{file}, {}};
    const std::vector<std::uint8_t> input(content.begin(), content.end());
    // Named first: if the target crashes, the last line tells on what.
    std::printf("%s\n", path.c_str());
    std::fflush(stdout);
    LLVMFuzzerTestOneInput(input.data(), input.size());
    return true;
}

/// The number of files that ran; 0 is a failure, already reported.
[[nodiscard]] int replay_folder(const fs::path& folder)
{
    std::error_code missing;
    const fs::directory_iterator entries{folder, missing};
    if (missing) {
        std::fprintf(stderr, "error: %s: %s\n", folder.c_str(), missing.message().c_str());
        return 0;
    }
    int ran = 0;
    for (const auto& entry : entries) {
        if (!entry.is_regular_file()) continue;
        if (!replay_file(entry.path())) return 0;
        ++ran;
    }
    if (ran == 0) std::fprintf(stderr, "error: %s: no files\n", folder.c_str());
    return ran;
}

} // namespace

int main(int argc, char** argv)
{
    if (argc < 2) {
        std::fprintf(stderr, "usage: %s FOLDER...\n", argv[0]);
        return 2;
    }
    int total = 0;
    for (int i = 1; i < argc; ++i) {
        const int ran = replay_folder(argv[i]);
        if (ran == 0) return 1;
        total += ran;
    }
    std::printf("%d inputs ran\n", total);
    return 0;
}
