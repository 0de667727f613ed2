/* How are the streams of a `.sct` file decoded? sct_decode.h says what this promises. */
#include "sct_decode.h"

#include <string.h>

#define SLOTS 4096u /* the frequencies of all symbols together */
#define LOW 65536u  /* a state below takes a 16-bit word; at the end of a stream, all states are this */

/* `n` <= 64 bits from bit `at` on, the lowest first. Behind the end of the stream they are 0. */
static uint64_t bits(const sct_stream *s, uint64_t at, uint64_t n)
{
    const uint8_t *data = s->data;
    uint64_t value = 0;
    for (uint64_t got = 0; got < n; got += 8 - (at + got) % 8)
        if ((at + got) / 8 < s->size) value |= (uint64_t)data[(at + got) / 8] >> (at + got) % 8 << got;
    return n < 64 ? value & (((uint64_t)1 << n) - 1) : value;
}

/* ---- A stream: rANS (Duda, arXiv 1311.2540) in interleaved lanes (Giesen, arXiv 1402.3392) ---- */

static uint32_t frequency(const sct_stream *s, uint64_t *at)
{
    const uint32_t length = (uint32_t)bits(s, *at, 4), low = length > 3 ? 3 : length - (length > 0);
    *at += 4 + low;
    return length ? (1u << low | (uint32_t)bits(s, *at - low, low)) << (length - 1 - low) : 0;
}

static int read_table(sct_reader *r)
{
    const sct_stream *s = &r->stream;
    const uint64_t lanes = bits(s, 0, 8), last = bits(s, 8, 8), top = bits(s, 16, 8);
    uint32_t others = 0, first = 0, share;
    uint64_t at = 24;
    for (unsigned symbol = 0; symbol <= last; symbol++)
        others += r->model[symbol] = symbol == top ? 0 : frequency(s, &at);
    r->model[top] = SLOTS - others;
    if (lanes > 10 || top > last || others >= SLOTS || r->model[last] == 0) return SCT_DAMAGED;
    if ((others && r->left > 256 * (uint64_t)s->size) || bits(s, at, -at % 8)) return SCT_DAMAGED;
    for (unsigned symbol = 0; symbol <= last; symbol++, first += share) {
        share = r->model[symbol];
        memset(r->symbol + first, (int)symbol, share);
        r->model[symbol] = share << 16 | first;
    }
    r->at = (size_t)((at + 7) / 8);
    r->last_lane = (1u << lanes) - 1;
    return SCT_OK;
}

static int plant_tree(sct_reader *r)
{
    const uint64_t depth = bits(&r->stream, 0, 8), size = r->stream.size;
    for (unsigned i = 0; i < 512; i++) r->model[i] = 1;
    r->at = 1;
    return depth < 1 || depth > 8 || r->left > 16384 || r->left > 32 * size ? SCT_DAMAGED : SCT_OK;
}

/* Begin with a stream that stands for so many symbols. */
static void start(sct_reader *r, const sct_stream *stream, size_t symbols)
{
    r->stream = *stream;
    r->left = symbols;
    r->at = r->lane = r->last_lane = r->next = r->filled = 0;
    r->state[0] = LOW;
    if (stream->codec == SCT_RAW) r->result = stream->size == symbols ? SCT_OK : SCT_DAMAGED;
    else if (stream->codec == SCT_RANS) r->result = read_table(r);
    else r->result = stream->codec == SCT_ADAPTIVE ? plant_tree(r) : SCT_UNSUPPORTED;
    if (stream->codec == SCT_RAW || r->result) return;
    for (unsigned lane = 0; lane <= r->last_lane; lane++, r->at += 4) {
        r->state[lane] = (uint32_t)bits(stream, 8 * (uint64_t)r->at, 32);
        if (r->state[lane] < LOW) r->result = SCT_DAMAGED; /* as it is behind the end, too */
    }
    if (symbols == 0 || (stream->size - r->at) % 2) r->result = SCT_DAMAGED;
}

static void read_rans(sct_reader *r, uint8_t *restrict out, size_t n, size_t stride)
{
    const uint8_t *word = (const uint8_t *)r->stream.data + r->at, *end = word + (r->stream.size - r->at);
    const uint32_t last = r->last_lane;
    uint32_t lane = r->lane;
    for (; n; n--, out += stride, lane = (lane + 1) & last) {
        uint32_t x = r->state[lane], slot = x % SLOTS, range = r->model[*out = r->symbol[slot]];
        x = (range >> 16) * (x / SLOTS) + slot - (range & 0xFFFF);
        uint32_t take = x < LOW; /* not a branch, as nothing could predict it: three times faster */
        if (word != end) {
            x = x << 16 * take | ((word[0] | (uint32_t)word[1] << 8) & -take);
            word += 2 * take;
        } else if (take) r->result = SCT_DAMAGED;
        r->state[lane] = x;
    }
    r->lane = lane;
    r->at = r->stream.size - (size_t)(end - word);
}

static void read_adaptive(sct_reader *r, uint8_t *out, size_t n, size_t stride)
{
    const uint32_t leaves = 1u << bits(&r->stream, 0, 8);
    uint32_t x = r->state[0];
    for (; n; n--, out += stride) {
        uint32_t node = 1;
        while (node < leaves) {
            uint32_t *seen = r->model + 2 * node, slot = x % SLOTS;
            uint32_t ones = SLOTS * seen[1] / (seen[0] + seen[1]), zeros = SLOTS - (ones ? ones : 1);
            uint32_t bit = slot >= zeros; /* the first slots are a 0's */
            x = bit ? (SLOTS - zeros) * (x / SLOTS) + slot - zeros : zeros * (x / SLOTS) + slot;
            if (x < LOW) {
                if (r->at >= r->stream.size) r->result = SCT_DAMAGED;
                x = x << 16 | (uint32_t)bits(&r->stream, 8 * (uint64_t)r->at, 16);
                r->at += 2;
            }
            seen[bit] += 2;
            node = 2 * node + bit;
        }
        *out = (uint8_t)(node - leaves);
    }
    r->state[0] = x;
}

/* The next `n` symbols, of which the stream has as many, to out[0], out[stride], out[2 * stride]... */
static void pull(sct_reader *r, uint8_t *out, size_t n, size_t stride)
{
    r->left -= n;
    if (r->result) return;
    if (r->stream.codec == SCT_RANS) read_rans(r, out, n, stride);
    else if (r->stream.codec == SCT_ADAPTIVE) read_adaptive(r, out, n, stride);
    else for (; n; n--, out += stride) *out = ((const uint8_t *)r->stream.data)[r->at++];
}

/* The next symbol; 0 where there is none any more. */
static unsigned next(sct_reader *r)
{
    if (r->next == r->filled) {
        if (r->left == 0) r->result = SCT_DAMAGED;
        r->filled = r->left < sizeof r->chunk ? (unsigned)r->left : sizeof r->chunk;
        pull(r, r->chunk, r->filled, 1);
        if (r->result) memset(r->chunk, 0, r->filled = sizeof r->chunk);
        r->next = 0;
    }
    return r->chunk[r->next++];
}

static int finish(sct_reader *r)
{
    if (!r->result && (r->left || r->next != r->filled || r->at != r->stream.size)) r->result = SCT_DAMAGED;
    for (unsigned lane = 0; !r->result && lane <= r->last_lane; lane++)
        if (r->state[lane] != LOW) r->result = SCT_DAMAGED;
    return r->result;
}

int sct_decode_stream(const sct_stream *stream, uint8_t *out, size_t n, sct_reader *work)
{
    start(work, stream, n);
    pull(work, out, n, 1);
    return finish(work);
}

/* ---- A tensor: each stream of values goes where the positions say, which are read anew for it ---- */

typedef struct {
    const sct_tensor *t;
    sct_reader *positions, *values; /* what is wrong with either is noted in `values` */
    uint8_t *out;
    unsigned flip;       /* byte `b` of an element, counted from the lowest, is at `b ^ flip` */
    unsigned first, end; /* the bytes of each element that the stream has */
    const uint8_t *book; /* the codebook, or NULL; `words` in each of its tables, for `part` elements */
    size_t words, part;
} job;

/* The next stored value belongs to element `at`. */
static void put(job *j, size_t at)
{
    const size_t width = j->t->width, flip = j->flip, index = j->book ? next(j->values) : 0;
    uint8_t *to = j->out + at * width;
    if (j->book && index < j->words) {
        const uint8_t *word = j->book + (j->t->parts > 1 ? at / j->part * j->words + index : index) * width;
        for (size_t b = 0; b < width; b++) to[b ^ flip] = word[b];
    } else if (j->book) j->values->result = SCT_DAMAGED;
    else for (size_t b = j->first; b < j->end; b++) to[b ^ flip] = (uint8_t)next(j->values);
}

/* A bit for each block says whether it is stored; those of a mask are 1 x 1. */
static void put_blocks(job *j, size_t rows, size_t columns, size_t height, size_t width)
{
    const size_t blocks = rows / height * (columns / width);
    unsigned mask = 0;
    start(j->positions, j->t->stream, (blocks + 7) / 8);
    for (size_t row = 0, block = 0; block < blocks; row += height)
        for (size_t column = 0; column < columns; column += width, mask >>= 1) {
            if (block++ % 8 == 0) mask = next(j->positions);
            for (size_t i = 0; mask & 1 && i < height; i++)
                for (size_t k = 0; k < width; k++) put(j, (row + i) * columns + column + k);
        }
    if (mask) j->values->result = SCT_DAMAGED; /* bits behind the last block */
}

/* The zeros before each stored element, but for `k` bits in `low`; from 255 on they go on in `far`. */
static void put_gaps(job *j, const sct_stream *low, const sct_stream *far)
{
    const size_t count = j->t->count, stored = j->t->stored;
    size_t at = 0, escaped = 0, k = 0;
    for (size_t ratio = count / (stored ? stored : 1); ratio >= 8; ratio /= 2) k++;
    start(j->positions, j->t->stream, stored);
    if (low->codec != SCT_RAW || far->codec != SCT_RAW) j->values->result = SCT_DAMAGED;
    if (low->size != (stored * k + 7) / 8 || bits(low, stored * k, 8)) j->values->result = SCT_DAMAGED;
    for (size_t i = 0; i < stored && !j->values->result; i++, at++) {
        uint64_t gap = next(j->positions), room = count - at;
        if (gap == 255) gap += bits(far, 32 * (uint64_t)escaped++, 32);
        gap = gap > room >> k ? room : gap << k | bits(low, (uint64_t)i * k, k);
        if (gap < room) put(j, at += (size_t)gap);
        else j->values->result = SCT_DAMAGED;
    }
    if (far->size != 4 * escaped) j->values->result = SCT_DAMAGED;
}

/* One stream of values, which has bytes `first` to `end` - 1 of each element. */
static int place(job *j, const sct_stream *values, unsigned first, unsigned end)
{
    const sct_tensor *t = j->t;
    const size_t columns = t->rows ? t->count / t->rows : 0;
    j->first = first;
    j->end = end;
    start(j->values, values, t->stored * (end - first));
    if (t->positions == SCT_GAPS) put_gaps(j, t->stream + 1, t->stream + 2);
    else if (t->positions == SCT_MASK) put_blocks(j, 1, t->count, 1, 1);
    else if (t->positions == SCT_BLOCKS) put_blocks(j, t->rows, columns, t->block[0], t->block[1]);
    else if (!j->book && end - first == 1) pull(j->values, j->out + (first ^ j->flip), t->count, t->width);
    else for (size_t at = 0; at < t->count; at++) put(j, at);
    if (t->positions != SCT_ALL && finish(j->positions)) j->values->result = j->positions->result;
    return finish(j->values);
}

/* Words ascend in each table; only its last may be repeated, as all tables are as long as the longest. */
static int open_book(job *j, const sct_stream *book)
{
    const size_t w = j->t->width, parts = j->t->parts, words = book->size / w / parts;
    if (book->codec != SCT_RAW || words - 1 > 255 || words * parts * w != book->size) return SCT_DAMAGED;
    for (size_t i = 1; i < words * parts; i++) {
        uint64_t word = bits(book, 8 * w * i, 8 * w), before = bits(book, 8 * w * (i - 1), 8 * w);
        uint64_t last = bits(book, 8 * w * (i - i % words + words - 1), 8 * w);
        if (i % words && before >= word && (before > word || word != last)) return SCT_DAMAGED;
    }
    j->book = book->data;
    j->words = words;
    j->part = j->t->count / parts;
    return SCT_OK;
}

/* Levels, each in the lowest byte of its element, become floats. */
static int scale(job *j, const sct_stream *scales)
{
    const size_t rows = j->t->rows, columns = j->t->count / rows;
    uint8_t *at = j->out;
    start(j->values, scales, 4 * rows);
    for (size_t row = 0; row < rows; row++) {
        uint32_t word = 0, level;
        float factor, value;
        for (unsigned b = 0; b < 4; b++) word |= next(j->values) << 8 * b;
        word = word >> 1 | word << 31;
        memcpy(&factor, &word, 4);
        for (size_t column = 0; column < columns; column++, at += 4) {
            memcpy(&level, at, 4);
            if (level == 255 || word >= 0x7F800000) return SCT_DAMAGED; /* a scale is finite, its sign 0 */
            value = factor * (float)(level % 2 ? -(int)(level / 2) - 1 : (int)(level / 2));
            if (level) memcpy(at, &value, 4);
        }
    }
    return finish(j->values);
}

/* The float32 that a rotated word of a narrow type means. */
static uint32_t widened(uint32_t word, unsigned type)
{
    const uint32_t sign = word << 31, exponent = word >> 11 & 31, mantissa = word >> 1 & 1023;
    const float small = (float)mantissa / (1 << 24); /* what float16 means by the exponent 0 */
    uint32_t magnitude;
    memcpy(&magnitude, &small, 4);
    if (exponent) magnitude = (exponent == 31 ? 255 : exponent + 112) << 23 | mantissa << 13;
    return sign | (type == SCT_BFLOAT16 ? word >> 1 << 16 : magnitude);
}

#define SETTLE(type)                                                               \
    for (type word; out != end; out += sizeof word) {                              \
        memcpy(&word, out, sizeof word);                                           \
        nonzero += word != 0;                                                      \
        if (narrow) word = (type)widened((uint32_t)word, narrow);                  \
        else if (rotated) word = (type)(word >> 1 | word << (8 * sizeof word - 1)); \
        memcpy(out, &word, sizeof word);                                           \
    }

/* Turn words into elements, and count. */
static int settle(const sct_tensor *t, uint8_t *out)
{
    const uint8_t *end = out + t->count * t->width;
    const unsigned narrow = t->narrow, rotated = t->rotated && t->values != SCT_GRID;
    size_t nonzero = 0;
    if (t->width == 1) SETTLE(uint8_t)
    else if (t->width == 2) SETTLE(uint16_t)
    else if (t->width == 4) SETTLE(uint32_t)
    else SETTLE(uint64_t)
    return nonzero == t->nonzero ? SCT_OK : SCT_DAMAGED;
}

static int makes_sense(const sct_tensor *t)
{
    const size_t w = t->width, columns = t->rows ? t->count / t->rows : 0, *block = t->block;
    const size_t stored[] = {t->count, t->nonzero, t->nonzero, t->stored};
    const size_t streams[] = {0, 1, 3, 1, 1, t->narrow ? 2 : w, 2, 2}; /* of positions; of values */
    const int float32 = w == 4 && t->rotated, plain = t->values == SCT_WORDS || t->values == SCT_PLANES;
    if (t->positions > SCT_BLOCKS || t->values > SCT_GRID || t->narrow > SCT_FLOAT16) return 0;
    if (w != 1 && w != 2 && w != 4 && w != 8) return 0;
    if (t->rows * columns != t->count || t->stored != stored[t->positions] || t->stored > t->count) return 0;
    if (t->positions == SCT_GAPS && t->stored > t->count / 4) return 0;
    if (t->positions == SCT_BLOCKS && (!block[0] || !block[1])) return 0;
    if (t->positions == SCT_BLOCKS && (t->rows % block[0] || columns % block[1])) return 0;
    if (t->narrow && !(float32 && plain)) return 0;
    if (t->values == SCT_CODEBOOK && (!t->parts || t->rows % t->parts)) return 0;
    if (t->values == SCT_GRID && !(float32 && t->count)) return 0;
    return t->streams == streams[t->positions] + streams[4 + t->values];
}

int sct_decode(const sct_tensor *t, void *out, size_t out_size, sct_work *work)
{
    if (!makes_sense(t)) return SCT_DESCRIPTION;
    if (out_size / t->width < t->count) return SCT_ROOM;
    const uint16_t one = 1;
    const unsigned width = t->narrow ? 2 : t->width, step = t->values == SCT_WORDS ? width : 1;
    const sct_stream *values = t->stream + (t->positions == SCT_GAPS ? 3 : t->positions != SCT_ALL);
    job j = {.t = t, .positions = &work->positions, .values = &work->values, .out = work->values.chunk};
    int result = SCT_OK;
    j.flip = *(const uint8_t *)&one ? 0 : t->width - 1;
    if (t->count) j.out = memset(out, 0, t->count * t->width); /* `out` may be NULL where nothing comes */
    if (t->values == SCT_WORDS || t->values == SCT_PLANES)
        for (unsigned b = width; b && !result; b -= step) result = place(&j, values++, b - step, b);
    else {
        if (t->values == SCT_CODEBOOK) result = open_book(&j, values);
        if (!result) result = place(&j, values + 1, 0, 1);
        if (!result && t->values == SCT_GRID) result = scale(&j, values);
    }
    return result ? result : settle(t, j.out);
}

const char *sct_message(int result)
{
    static const char *const messages[] = {
        "the tensor is decoded",
        "the fields of the tensor contradict each other",
        "the output has less room than the tensor takes",
        "a stream has a codec that is decoded in Python only: deflate or lzma",
        "a stream is cut short or altered, or does not go with the others",
    };
    return result >= SCT_OK && result <= SCT_DAMAGED ? messages[result] : "this is no result of sct_decode";
}
