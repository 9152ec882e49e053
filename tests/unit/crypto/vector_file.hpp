/// Golden vectors of tests/vectors: lines of the form `name = hex`, and comments.
#pragma once

#include "common/base/bytes.hpp"
#include "common/crypto/keys.hpp"

#include <cstddef>
#include <cstdint>
#include <fstream>
#include <map>
#include <stdexcept>
#include <string>
#include <vector>

namespace braid::test {

/// libsodium is ready before the first test begins.
inline const bool crypto_is_ready = crypto::init().has_value();

[[nodiscard]] inline std::vector<std::byte> from_hex(const std::string& hex)
{
    std::vector<std::byte> bytes;
    for (std::size_t i = 0; i + 1 < hex.size(); i += 2)
        bytes.push_back(static_cast<std::byte>(std::stoul(hex.substr(i, 2), nullptr, 16)));
    return bytes;
}

[[nodiscard]] inline std::vector<std::byte> copy_of(Bytes bytes)
{
    return {bytes.begin(), bytes.end()};
}

[[nodiscard]] inline std::vector<std::byte> copy_of(std::string_view text)
{
    return copy_of(as_bytes(text));
}

class VectorFile {
public:
    explicit VectorFile(const std::string& name)
    {
        std::ifstream file{BRAID_SOURCE_DIR "/tests/vectors/" + name};
        if (!file) throw std::runtime_error{"no vectors: " + name};
        for (std::string line; std::getline(file, line);) {
            const auto equals = line.find(" = ");
            if (line.starts_with('#') || equals == std::string::npos) continue;
            values_[line.substr(0, equals)] = from_hex(line.substr(equals + 3));
        }
    }

    [[nodiscard]] const std::vector<std::byte>& operator[](const std::string& name) const
    {
        return values_.at(name);
    }
    [[nodiscard]] std::uint8_t byte(const std::string& name) const
    {
        return std::to_integer<std::uint8_t>(values_.at(name).at(0));
    }
    [[nodiscard]] Secret<32> secret(const std::string& name) const
    {
        return Secret<32>{Bytes{values_.at(name)}.first<32>()};
    }
    [[nodiscard]] PrivateKey private_key(const std::string& name) const
    {
        return PrivateKey{secret(name)};
    }

private:
    std::map<std::string, std::vector<std::byte>> values_;
};

} // namespace braid::test
