// A canvas to draw on with mouse, pen or finger. Emits `drawn` with a PNG after each stroke.
export default {
  template: `<canvas :width="width" :height="height" style="touch-action: none; cursor: crosshair"
    @pointerdown="begin" @pointermove="move" @pointerup="end" @pointercancel="end"></canvas>`,
  props: { width: Number, height: Number, pen: Number },
  data: () => ({ erasing: false }),
  mounted() {
    this.clear();
  },
  methods: {
    clear() {
      const paint = this.$el.getContext("2d");
      paint.fillStyle = "black";
      paint.fillRect(0, 0, this.width, this.height);
    },
    show(url) {
      const image = new Image();
      image.onload = () => {
        const paint = this.$el.getContext("2d");
        paint.imageSmoothingEnabled = false;
        paint.drawImage(image, 0, 0, this.width, this.height);
      };
      image.src = url;
    },
    erase(erasing) {
      this.erasing = erasing;
    },
    at(event) {
      const box = this.$el.getBoundingClientRect();
      const across = ((event.clientX - box.left) * this.width) / box.width;
      return [across, ((event.clientY - box.top) * this.height) / box.height];
    },
    begin(event) {
      this.$el.setPointerCapture(event.pointerId);
      this.last = this.at(event);
      this.move(event);
    },
    move(event) {
      if (!this.last) return;
      const paint = this.$el.getContext("2d");
      paint.lineWidth = this.pen;
      paint.lineCap = "round";
      paint.strokeStyle = this.erasing ? "black" : "white";
      paint.beginPath();
      paint.moveTo(...this.last);
      this.last = this.at(event);
      paint.lineTo(...this.last);
      paint.stroke();
    },
    end() {
      if (!this.last) return;
      this.last = null;
      this.$emit("drawn", this.$el.toDataURL("image/png"));
    },
  },
};
