/*
 * One stage with one tree of one feature on a window of 8 x 8: the upper half minus the lower one. A window that is
 * light above and dark below passes. In both formats of OpenCV; written by hand.
 */

const RECTANGLES = '<rects><_>0 0 8 8 -1.</_><_>0 0 8 4 2.</_></rects>';

export const newCascade = ({
  rects = RECTANGLES,
  tilted = 0,
  type = 'HAAR',
  nodes = '0 -1 0 1.5e+00',
} = {}) => `<?xml version="1.0"?>
<!-- by hand -->
<opencv_storage>
<cascade type_id="opencv-cascade-classifier"><stageType>BOOST</stageType>
  <featureType>${type}</featureType>
  <height>8</height><width>8</width>
  <stageNum>1</stageNum>
  <stages><_>
    <maxWeakCount>1</maxWeakCount><stageThreshold>5.0e-01</stageThreshold>
    <weakClassifiers><_>
      <internalNodes>
        ${nodes}</internalNodes>
      <leafValues>
        0. 1.</leafValues></_></weakClassifiers></_></stages>
  <features><_>${rects}<tilted>${tilted}</tilted></_></features></cascade>
</opencv_storage>`;

export const OLD_CASCADE = `<?xml version="1.0"?>
<opencv_storage>
<by_hand type_id="opencv-haar-classifier">
  <size>8 8</size>
  <stages><_>
    <trees><_><_>
      <feature>${RECTANGLES}<tilted>0</tilted></feature>
      <threshold>1.5</threshold><left_val>0.</left_val><right_val>1.</right_val></_></_></trees>
    <stage_threshold>0.5</stage_threshold><parent>-1</parent><next>-1</next></_></stages></by_hand>
</opencv_storage>`;
