#include "common/admin/key_tool.hpp"

#include "common/crypto/key_file.hpp"
#include "common/crypto/keys.hpp"

#include <ostream>

namespace braid {

KeyTool key_tool()
{
    return {
        .print_new =
            [](std::ostream& out) {
                const KeyText text = PrivateKey::generate().text();
                out << view(text) << '\n';
            },
        .write_new = [](const std::filesystem::path& file) -> Result<std::string> {
            const auto key = PrivateKey::generate();
            if (const auto written = write_private_key(file, key); !written)
                return fail(written.error());
            return key.public_key().text();
        },
        .public_of = [](std::string_view text) -> Result<std::string> {
            const auto key = PrivateKey::parse(text);
            if (!key) return fail(key.error());
            return key->public_key().text();
        },
    };
}

} // namespace braid
