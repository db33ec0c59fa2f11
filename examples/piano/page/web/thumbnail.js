// SPDX-License-Identifier: MIT
// A performance as a small picture, drawn when it first becomes visible.

const thumbnails = {
  observer: new IntersectionObserver(
      (entries) => {
        for (const entry of entries) {
          if (!entry.isIntersecting) continue;
          thumbnails.observer.unobserve(entry.target);
          entry.target.seen = true;
          thumbnails.paint(entry.target);
        }
      },
      {rootMargin: "200px"}),
  all: new Set(),

  of(piece) {
    const canvas = element("canvas.thumbnail", {"aria-hidden": "true"});
    canvas.piece = piece;
    this.all.add(canvas);
    this.observer.observe(canvas);
    return canvas;
  },

  paint(canvas) {
    const context = fitCanvas(canvas);
    const [width, height] = [canvas.clientWidth, canvas.clientHeight];
    context.clearRect(0, 0, width, height);
    const {piece} = canvas;
    if (piece.notes.length)
      drawNotes(context, piece, 0, piece.seconds, width / piece.seconds, pitchRange(piece), 0, height);
  },
};
theme.listeners.push(() => thumbnails.all.forEach((canvas) => {
  if (canvas.seen) thumbnails.paint(canvas);
}));
