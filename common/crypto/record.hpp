/// Records: sealed units of a lane, one direction each. PROTOCOL.md, "Records".
#pragma once

#include "common/base/bytes.hpp"
#include "common/base/result.hpp"
#include "common/crypto/aead.hpp"
#include "common/crypto/secret.hpp"
#include "common/crypto/unit.hpp"

#include <cstddef>
#include <cstdint>
#include <span>
#include <utility>

namespace braid {

/// How much one key may seal before the sender should change it. At twice either number the
/// sender refuses to seal and the receiver to open.
struct RecordLimits {
    std::uint64_t records = std::uint64_t{1} << 32;
    std::uint64_t bytes = std::uint64_t{1} << 36; ///< 64 GiB of plaintext
};

/// One key of one direction, and how far it has been used.
class RecordKey {
public:
    RecordKey(Cipher cipher, Secret<32> secret, RecordLimits limits, AeadMaker maker);

    [[nodiscard]] const Aead& aead() const noexcept { return aead_; }
    [[nodiscard]] std::uint64_t nonce() const noexcept { return records_; }
    /// The limits are reached.
    [[nodiscard]] bool worn() const noexcept;
    /// Twice the limits would be passed by `size` more bytes.
    [[nodiscard]] bool refuses(std::size_t size) const noexcept;
    void count(std::size_t size) noexcept;
    /// The key that follows. It cannot be traced back.
    [[nodiscard]] RecordKey next() const;

private:
    Secret<32> secret_; ///< origin of this key and of the next
    Aead aead_;
    RecordLimits limits_;
    std::uint64_t records_ = 0; ///< also the next nonce: never goes back
    std::uint64_t bytes_ = 0;
};

/// Seals the records of one direction of one lane.
class RecordSealer {
public:
    RecordSealer(Cipher cipher, Secret<32> secret, RecordLimits limits = {},
                 AeadMaker maker = AeadMaker::libsodium)
        : key_(cipher, std::move(secret), limits, maker)
    {
    }

    /// Writes one record with the segments, one behind the other, as plaintext; yields its size,
    /// which is the plaintext's and overhead(). `out` must hold that. Segments that already
    /// lie at their place, from unit_header_size on, are not copied (Aead::seal).
    /// Errors: message_size, more than max_record_plaintext; value_too_large, the key is used
    /// up (rekey was not called in time).
    [[nodiscard]] Result<std::size_t> seal(std::span<const Bytes> segments, MutBytes out);

    /// True when the key has reached a limit: call rekey() before the next record. The rule of
    /// two minutes is the caller's.
    [[nodiscard]] bool should_rekey() const noexcept { return key_.worn(); }

    /// Wipes the key and goes on with the next one. The next record tells the receiver; nothing
    /// else has to be sent or awaited.
    void rekey();

    [[nodiscard]] Cipher cipher() const noexcept { return key_.aead().cipher(); }
    /// record_overhead of the cipher.
    [[nodiscard]] std::size_t overhead() const noexcept { return record_overhead(cipher()); }

private:
    RecordKey key_;
    UnitType next_type_ = UnitType::record;
};

/// Opens the records of one direction of one lane, in the order in which they were sealed.
class RecordOpener {
public:
    RecordOpener(Cipher cipher, Secret<32> secret, RecordLimits limits = {},
                 AeadMaker maker = AeadMaker::libsodium)
        : key_(cipher, std::move(secret), limits, maker)
    {
    }

    /// Opens a whole unit of type record or next_record in place; yields its plaintext, borrowed
    /// from `unit`.
    /// Errors (protocol_error): not such a unit, not authentic, out of order, or the key is used
    /// up. The opener is dead then and the lane must be closed: further calls fail as well.
    [[nodiscard]] Result<MutBytes> open(MutBytes unit);

private:
    [[nodiscard]] Result<MutBytes> open_with(RecordKey& key, MutBytes unit);

    RecordKey key_;
    bool dead_ = false;
};

} // namespace braid
