/* How is fuzz_decode.c driven where there is no libFuzzer?
 *
 *     mutate SECONDS FILE...
 *
 * Decodes every file as it is, then altered ones until the time is over: the same ones on each run.
 * Prints how many, and how often each result came. The sanitizers end it at the first fault.
 */
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#define MOST_FILES 4096
#define MOST_BYTES 65536

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);
extern unsigned long fuzz_results[5];

typedef struct {
    uint8_t bytes[MOST_BYTES];
    size_t size;
} sample;

static uint64_t state = 0x9E3779B97F4A7C15u;

static size_t below(size_t n) /* xorshift64, Marsaglia, J. Stat. Software 8 (2003) */
{
    state ^= state << 13;
    state ^= state >> 7;
    state ^= state << 17;
    return (size_t)(state % (n ? n : 1));
}

static void load(const char *path, sample *s)
{
    FILE *file = fopen(path, "rb");
    if (!file) {
        fprintf(stderr, "%s cannot be read\n", path);
        exit(2);
    }
    s->size = fread(s->bytes, 1, MOST_BYTES, file);
    fclose(file);
}

static void alter(sample *s)
{
    static const uint8_t edges[] = {0, 1, 2, 7, 8, 127, 128, 254, 255};
    const size_t at = below(s->size), n = 1 + below(8), rest = s->size - at;
    switch (below(6)) {
    case 0: s->bytes[at] ^= (uint8_t)(1u << below(8)); break;
    case 1: s->bytes[at] = edges[below(sizeof edges)]; break;
    case 2: s->bytes[at] = (uint8_t)below(256); break;
    case 3: s->size = at; break;
    case 4: /* take bytes out */
        if (n > rest) break;
        memmove(s->bytes + at, s->bytes + at + n, rest - n);
        s->size -= n;
        break;
    default: /* put bytes in */
        if (s->size + n > MOST_BYTES) break;
        memmove(s->bytes + at + n, s->bytes + at, rest);
        s->size += n;
    }
}

int main(int count, char **arguments)
{
    static sample s;
    if (count < 3) return fprintf(stderr, "mutate SECONDS FILE...\n"), 2;
    const time_t end = time(NULL) + atoi(arguments[1]);
    const size_t files = (size_t)count - 2;
    unsigned long runs = 0;
    for (; runs < files || time(NULL) < end; runs++) {
        load(arguments[2 + (runs < files ? runs : below(files))], &s);
        for (size_t n = runs < files ? 0 : 1 + below(4); n && s.size; n--) alter(&s);
        LLVMFuzzerTestOneInput(s.bytes, s.size);
    }
    const unsigned long *n = fuzz_results;
    printf("%lu runs: ok %lu, description %lu, room %lu, unsupported %lu, damaged %lu\n", runs, n[0], n[1],
           n[2], n[3], n[4]);
    return 0;
}
