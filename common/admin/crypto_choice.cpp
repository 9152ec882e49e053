#include "common/admin/crypto_choice.hpp"

#include <spdlog/spdlog.h>
#include <string>

namespace braid {

AeadMakers choose_makers()
{
    const auto makers = AeadMakers::measured();
    for (const Cipher cipher : all_ciphers) {
        if (Aead::supported(cipher))
            spdlog::debug("measured cipher={} library=\"{}\"", name(cipher),
                          library_of(makers.of(cipher)));
    }
    return makers;
}

nlohmann::json crypto_status(const AeadMakers& makers)
{
    auto status = nlohmann::json::object();
    for (const Cipher cipher : all_ciphers) {
        if (Aead::supported(cipher))
            status[std::string{name(cipher)}] = library_of(makers.of(cipher));
    }
    return status;
}

nlohmann::json workers_status(const WorkersView& workers)
{
    return {
        {"configured", workers.wanted ? nlohmann::json(*workers.wanted) : nlohmann::json("auto")},
        {"threads", workers.threads},
        {"in_use", workers.in_use}};
}

} // namespace braid
