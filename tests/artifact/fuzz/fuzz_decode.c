/* Does the decoder stay within its memory, whatever a tensor says?
 *
 * A libFuzzer target (clang -fsanitize=fuzzer,address,undefined); mutate.c drives it without libFuzzer.
 * An input is a tensor, as seeds.py writes it, little-endian:
 *
 *     bytes:  positions, values, narrow, width, rotated, number of streams
 *     u64s:   block[0], block[1], parts, rows, count, stored, nonzero
 *     each stream: codec (a byte), size (u32)
 *     the streams' bytes, one after the other
 *
 * Everything is decoded from and to memory of exactly its size at odd addresses, twice: what the working
 * memory held before must not matter.
 */
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "sct_decode.h"

#define MOST_STREAMS 12
#define MOST_BYTES ((size_t)1 << 20) /* of a tensor: more would only take longer */

unsigned long fuzz_results[SCT_DAMAGED + 1]; /* how often each came: where all are refused, nothing is tried */

typedef struct {
    const uint8_t *next, *end;
} input;

/* An unsigned number of `n` bytes; zeros behind the end. */
static uint64_t number(input *in, int n)
{
    uint64_t value = 0;
    for (int byte = 0; byte < n && in->next < in->end; byte++) value |= (uint64_t)*in->next++ << 8 * byte;
    return value;
}

/* Memory whose first byte is at an odd address, and whose last one is followed by a guard. */
static uint8_t *odd(size_t size)
{
    uint8_t *memory = malloc(size + 1);
    if (!memory) abort();
    return memory + 1;
}

static void odd_free(uint8_t *memory) { free(memory - 1); }

static void read_tensor(input *in, sct_tensor *t, sct_stream *streams)
{
    t->positions = (unsigned)number(in, 1);
    t->values = (unsigned)number(in, 1);
    t->narrow = (unsigned)number(in, 1);
    t->width = (unsigned)number(in, 1);
    t->rotated = (unsigned)number(in, 1);
    t->streams = (size_t)number(in, 1) % (MOST_STREAMS + 1);
    t->block[0] = (size_t)number(in, 8);
    t->block[1] = (size_t)number(in, 8);
    t->parts = (size_t)number(in, 8);
    t->rows = (size_t)number(in, 8);
    t->count = (size_t)number(in, 8);
    t->stored = (size_t)number(in, 8);
    t->nonzero = (size_t)number(in, 8);
    t->stream = streams;
    for (size_t i = 0; i < t->streams; i++) {
        streams[i].codec = (unsigned)number(in, 1);
        streams[i].size = (size_t)number(in, 4);
    }
    for (size_t i = 0; i < t->streams; i++) {
        const size_t left = (size_t)(in->end - in->next);
        if (streams[i].size > left) streams[i].size = left;
        uint8_t *copy = odd(streams[i].size);
        if (streams[i].size) memcpy(copy, in->next, streams[i].size);
        streams[i].data = copy;
        in->next += streams[i].size;
    }
}

static int decode(const sct_tensor *t, uint8_t *out, size_t size, int fill)
{
    sct_work *work = malloc(sizeof *work);
    if (!work) abort();
    memset(work, fill, sizeof *work);
    const int result = sct_decode(t, out, size, work);
    free(work);
    return result;
}

static void decode_each(const sct_tensor *t, size_t n)
{
    sct_reader *work = malloc(sizeof *work);
    uint8_t *out = odd(n);
    if (!work) abort();
    memset(work, 0x5A, sizeof *work);
    for (size_t i = 0; i < t->streams; i++) (void)sct_decode_stream(t->stream + i, out, n, work);
    odd_free(out);
    free(work);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    input in = {data, data + size};
    sct_stream streams[MOST_STREAMS];
    sct_tensor t;
    read_tensor(&in, &t, streams);
    const size_t bytes = t.width && t.count <= MOST_BYTES / t.width ? t.count * t.width : 0;
    uint8_t *out = odd(bytes), *again = odd(bytes);
    const int result = decode(&t, out, bytes, 0x00);
    if (result < SCT_OK || result > SCT_DAMAGED || !sct_message(result)[0]) abort();
    if (result != decode(&t, again, bytes, 0xFF)) abort();
    if (result == SCT_OK && bytes && memcmp(out, again, bytes)) abort();
    fuzz_results[result]++;
    decode_each(&t, t.stored < 4096 ? t.stored : 4096);
    odd_free(again);
    odd_free(out);
    for (size_t i = 0; i < t.streams; i++) odd_free((uint8_t *)streams[i].data);
    return 0;
}
