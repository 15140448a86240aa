/* Answers the numbers of a file from an image, by the portable kernel, on whatever machine this is compiled for.
 * Arguments: image, numbers (u64), where the answers go (u32), then the image's section offsets in the order below. */
#include <stdio.h>
#include <stdlib.h>

#include "kernels.h"

static char *read_whole(const char *path, size_t *bytes) {
    FILE *file = fopen(path, "rb");
    if (!file || fseek(file, 0, SEEK_END)) exit(1);
    *bytes = (size_t)ftell(file);
    rewind(file);
    char *content = aligned_alloc(PD_LINE, (*bytes + PD_LINE - 1) / PD_LINE * PD_LINE);
    if (!content || fread(content, 1, *bytes, file) != *bytes) exit(1);
    fclose(file);
    return content;
}

int main(int count, char **argument) {
    size_t image_bytes, numbers_bytes;
    if (count != 11) return 1;
    const char *start = read_whole(argument[1], &image_bytes);
    const uint64_t *numbers = (const uint64_t *)read_whole(argument[2], &numbers_bytes);
#define SECTION(place) (const void *)(start + atol(argument[4 + (place)]))
    pd_image image = {
        .lines = SECTION(0),
        .words = SECTION(1),
        .layouts = SECTION(2),
        .directory = SECTION(3),
        .leaf = SECTION(4),
        .mid = SECTION(5),
        .top = SECTION(6),
        .all_verified = 1,
    };
    size_t asked = numbers_bytes / sizeof *numbers;
    uint32_t *answers = malloc(asked * sizeof *answers), page;
    const pd_kernel *kernel = &pd_kernels[PD_KERNELS - 1];
    if (!pd_kernel_runs(PD_KERNELS - 1)) return 1;
    if (kernel->match_many(&image, numbers, answers, asked, &page) != asked) return 1;
    FILE *file = fopen(argument[3], "wb");
    if (!file || fwrite(answers, sizeof *answers, asked, file) != asked || fclose(file)) return 1;
    return 0;
}
