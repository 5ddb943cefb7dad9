package dev.shepherd.manager.internal;

import static org.assertj.core.api.Assertions.assertThat;

import dev.shepherd.api.ProviderID;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.Random;
import java.util.stream.IntStream;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

class MachineIndexTest {

    private static final int IDS = 6_000;

    private final MachineIndex index = MachineIndex.ofNumbers(0);

    @Test
    void itIsAMapOfIdsToFlagsAndNumbers() {
        Random random = new Random(7);
        Map<ProviderID, Integer> flags = new HashMap<>();
        Map<ProviderID, Long> numbers = new HashMap<>();
        for (int i = 0; i < 3 * IDS; i++) {
            ProviderID id = id(random.nextInt(IDS));
            int flag = 1 << random.nextInt(4);
            int position = index.put(id);
            assertThat(index.flags(position)).isEqualTo(flags.getOrDefault(id, 0));
            assertThat(index.number(position)).isEqualTo(numbers.getOrDefault(id, 0L));
            index.addFlags(position, flag);
            index.setNumber(position, i);
            flags.merge(id, flag, (a, b) -> a | b);
            numbers.put(id, (long) i);
        }

        assertThat(index.size()).isEqualTo(flags.size());
        numbers.forEach((id, number) -> {
            int position = index.find(id);
            assertThat(index.number(position)).isEqualTo(number);
            assertThat(index.flags(position)).isEqualTo(flags.get(id));
        });
        for (int i = IDS; i < 2 * IDS; i++) {
            assertThat(index.find(id(i))).isEqualTo(MachineIndex.ABSENT);
        }
    }

    /** Ids of all lengths, some of which differ in their last character only, some beyond ASCII. */
    private static ProviderID id(int number) {
        String filling = (number % 3 == 0 ? "ü" : number % 3 == 1 ? "🐑" : "x").repeat(number % 60);
        return new ProviderID(filling + number);
    }

    @Test
    void idsThatArePreparedTogetherArePutAsOneByOne() {
        for (int from = 0; from < 3000; from += MachineIndex.BATCH) {
            List<ProviderID> ids = IntStream.range(from, from + MachineIndex.BATCH)
                    .mapToObj(MachineIndexTest::id)
                    .toList();
            index.prepare(ids);
            for (int i = 0; i < ids.size(); i++) {
                index.addFlags(index.putPrepared(i), i % 8);
            }
        }
        for (int i = 0; i < 3000; i++) {
            assertThat(index.flags(index.find(id(i)))).isEqualTo(i % 8);
        }
    }

    @Test
    void itTellsWhetherAnyIdHasFlags() {
        for (int i = 0; i < 5000; i++) {
            index.addFlags(index.put(id(i)), 3);
        }
        assertThat(index.anyMatch(3, 3)).isTrue();
        assertThat(index.anyMatch(3, 1)).isFalse();
        assertThat(index.anyMatch(4, 0)).isTrue();

        index.addFlags(index.put(id(5000)), 1);

        assertThat(index.anyMatch(3, 1)).isTrue();
        assertThat(index.anyMatch(2, 0)).isTrue();
        assertThat(index.anyMatch(1, 0)).isFalse();
    }

    @ParameterizedTest
    @ValueSource(ints = {0, 1, 512, 513, 2999, 3000, 3001, 100_000})
    void itHoldsAllIdsHoweverManyWereExpected(int expected) {
        MachineIndex sized = MachineIndex.ofFlags(expected);
        for (int i = 0; i < 3000; i++) {
            sized.addFlags(sized.put(id(i)), i % 8);
        }
        assertThat(sized.size()).isEqualTo(3000);
        for (int i = 0; i < 3000; i++) {
            assertThat(sized.flags(sized.find(id(i)))).isEqualTo(i % 8);
        }
        assertThat(sized.find(id(3000))).isEqualTo(MachineIndex.ABSENT);
    }

    @Test
    void anIdOfTheLargestSizeFits() {
        index.addFlags(index.put(new ProviderID("語".repeat(ProviderID.MAX_LENGTH))), 8);

        assertThat(index.flags(index.find(new ProviderID("語".repeat(ProviderID.MAX_LENGTH)))))
                .isEqualTo(8);
        assertThat(index.find(new ProviderID("語".repeat(ProviderID.MAX_LENGTH - 1))))
                .isEqualTo(MachineIndex.ABSENT);
    }

    @Test
    void itsHashIsSipHash() {
        SipHash hash = new SipHash(0x0706050403020100L, 0x0f0e0d0c0b0a0908L);

        // The first value of the published table for SipHash-1-3.
        assertThat(hash.hash(new byte[0], 0)).isEqualTo(0xabac0158050fc4dcL);
        assertThat(hash.hash(new byte[9], 9)).isNotEqualTo(hash.hash(new byte[10], 10));
        assertThat(hash.hash(new byte[8], 8)).isNotEqualTo(hash.hash(new byte[] {0, 0, 0, 0, 0, 0, 0, 1}, 8));
        assertThat(new SipHash().hash(new byte[9], 9)).isNotEqualTo(new SipHash().hash(new byte[9], 9));
        long[] second = new long[1];
        assertThat(hash.hash128(new byte[3], 3, second)).isNotEqualTo(hash.hash(new byte[3], 3));
        assertThat(second[0]).isNotZero();
    }
}
