/// Every cipher of this machine by every maker that has it.
#pragma once

#include "common/crypto/aead_makers.hpp"

#include <string>
#include <vector>

namespace braid::test {

struct MadeCipher {
    Cipher cipher;
    AeadMaker maker;

    [[nodiscard]] std::string text() const
    {
        return library_of(maker).append(" ").append(name(cipher));
    }
};

[[nodiscard]] inline std::vector<MadeCipher> made_ciphers()
{
    std::vector<MadeCipher> all;
    for (const auto cipher : all_ciphers) {
        for (const auto maker : all_makers)
            if (Aead::supported(cipher, maker)) all.push_back({cipher, maker});
    }
    return all;
}

} // namespace braid::test
