/* What runs between reset and main() on a Cortex-M. */
#include <stdint.h>
#include <stdlib.h>

extern uint32_t data_in_flash[], data_start[], data_end[], bss_start[], bss_end[], stack_top[];
int main(void);
void SysTick_Handler(void);
void initialise_monitor_handles(void); /* the debugger's files, which printf writes to */

#define COPROCESSORS (*(volatile uint32_t *)0xE000ED88)

__attribute__((noreturn)) void reset(void) {
    const uint32_t *from = data_in_flash;
    for (uint32_t *to = data_start; to < data_end; to++) *to = *from++;
    for (uint32_t *to = bss_start; to < bss_end; to++) *to = 0;
#if defined(__ARM_FP)
    COPROCESSORS |= 0xFu << 20; /* the floating-point unit is off after reset */
    __asm__ volatile("dsb\n\tisb" ::: "memory");
#endif
    initialise_monitor_handles();
    exit(main());
}

static void halted(void) { exit(1); } /* a fault: the emulator ends instead of waiting for ever */

typedef void handler_t(void);
typedef struct {
    const void *stack;
    handler_t *handlers[15];
} vectors_t;

__attribute__((section(".vectors"), used)) const vectors_t vectors = {
    stack_top,
    {reset, halted, halted, halted, halted, halted, 0, 0, 0, 0, halted, halted, 0, halted, SysTick_Handler},
};
